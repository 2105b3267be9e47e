"""The audit: every exchange as a sealed line of JSON, enough to count a result again. It holds no keys."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.llm.reply import ChatReply, RequestError
from finegold.llm.request import ChatRequest
from finegold.run import LineFile, sealed_line


def utc_now() -> str:
    """Date and time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Audit:
    """Appends to a file, a line at a time; the shards of an evaluation may share it."""

    def __init__(self, path: Path | None) -> None:
        """Open for appending; None keeps no audit. Raises RunError if the file cannot be written."""
        try:
            self._file = None if path is None else LineFile(path)
        except OSError as error:
            raise RunError(
                f"the audit {path} cannot be written ({error.strerror}): name another folder"
            ) from error

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
        self._file.write(sealed_line(line))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
