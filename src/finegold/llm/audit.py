"""The audit: every exchange as a line of JSON, enough to recompute a result without a call. No keys."""

import json
import os
from contextlib import suppress
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
    """Appends to a file, a line at a time. A last line that a kill or a full disk tore is cut on opening."""

    def __init__(self, path: Path | None) -> None:
        """Open for appending; None keeps no audit. Raises RunError if the file cannot be written."""
        self._path = path
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._file = None if path is None else path.open("ab+", buffering=0)
        except OSError as error:
            raise RunError(
                f"the audit {path} cannot be written ({error.strerror}): name another folder"
            ) from error
        if self._file is not None:
            _cut_torn_line(self._file)

    def write(
        self, request: ChatRequest, key: str, marker: str, result: ChatReply | RequestError, seconds: float
    ) -> None:
        """Record a try: a reply, also one from the cache, so that the audit holds every input of a result.

        Raises:
            RunError: If the line cannot be written whole.
        """
        if self._file is None:
            return
        outcome: dict[str, Any]
        if isinstance(result, RequestError):
            outcome = {"outcome": result.kind, "reason": result.reason, "status": result.status}
        else:
            outcome = {
                "outcome": "cached" if result.cached else "reply",
                "reply": result.text,
                "finish_reason": result.finish_reason,
                "answered_by": result.model,
                "created": result.created,
                "prompt_tokens": result.prompt_tokens,
                "completion_tokens": result.completion_tokens,
                **({"problem": result.problem} if result.problem else {}),
                **({"reasoning": result.reasoning} if result.reasoning else {}),
            }
        line = {
            **request.tags,
            "attempt": request.attempt,
            **outcome,
            "seconds": round(seconds, 3),
            "time": utc_now(),
            "model": request.model,
            "template": request.template,
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "schema": request.schema is not None,
            "key": key,
            "messages": request.transcript(marker),
        }
        data = memoryview(json.dumps(line, ensure_ascii=True).encode() + b"\n")
        begin = self._file.seek(0, os.SEEK_END)
        try:
            # An unbuffered write may take only a part.
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(begin)
            raise RunError(
                f"the audit {self._path} cannot be written ({error.strerror}): free some space"
            ) from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _cut_torn_line(file: Any) -> None:
    """Cut what stands behind the last line end of a file that is open for appending and reading."""
    end = file.seek(0, os.SEEK_END)
    kept = end
    while kept > 0:
        begin = max(0, kept - 65536)
        file.seek(begin)
        found = file.read(kept - begin).rfind(b"\n")
        if found >= 0:
            kept = begin + found + 1
            break
        kept = begin
    if kept < end:
        file.truncate(kept)
        file.seek(0, os.SEEK_END)
