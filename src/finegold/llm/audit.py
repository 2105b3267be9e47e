"""The audit: every exchange as a line of JSON, enough to recompute a result without a call. No keys."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.llm.reply import ChatReply, RequestError
from finegold.llm.request import ChatRequest


def utc_now() -> str:
    """Date and time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Audit:
    """Appends to a file; a line is written in one piece, so a kill leaves at most one broken last line."""

    def __init__(self, path: Path | None) -> None:
        """Open for appending; None keeps no audit.

        Raises:
            RunError: If the file cannot be written.
        """
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._file = None if path is None else path.open("ab+", buffering=0)
        except OSError as error:
            raise RunError(
                f"the audit {path} cannot be written ({error.strerror}): name another folder"
            ) from error
        if self._file is not None and self._file.seek(0, 2) > 0:
            self._file.seek(-1, 2)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")

    def reply(self, request: ChatRequest, key: str, marker: str, reply: ChatReply, seconds: float) -> None:
        """Record a reply, also one from the cache: the audit then holds all that a result rests on."""
        self._write(request, key, marker, {
            "outcome": "cached" if reply.cached else "reply",
            "reply": reply.text,
            "finish_reason": reply.finish_reason,
            "answered_by": reply.model,
            "created": reply.created,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "seconds": round(seconds, 3),
        })  # fmt: skip

    def error(self, request: ChatRequest, key: str, marker: str, error: RequestError, seconds: float) -> None:
        """Record a try without a reply."""
        self._write(request, key, marker, {
            "outcome": error.kind,
            "reason": error.reason,
            "status": error.status,
            "seconds": round(seconds, 3),
        })  # fmt: skip

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, request: ChatRequest, key: str, marker: str, outcome: dict[str, Any]) -> None:
        if self._file is None:
            return
        line = {
            **request.tags,
            "attempt": request.attempt,
            **outcome,
            "time": utc_now(),
            "model": request.model,
            "template": request.template,
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "schema": request.schema is not None,
            "key": key,
            "messages": request.transcript(marker),
        }
        self._file.write(json.dumps(line, ensure_ascii=True).encode() + b"\n")
