"""What comes back: a reply, or the reason why there is none."""

import json
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from finegold.errors import FinegoldError
from finegold.llm.request import ChatRequest


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A whole reply of the model.

    Attributes:
        text: What it said; empty if it refused.
        finish_reason: `stop`, `length`, `content_filter`, or as the endpoint puts it.
        model: As the endpoint names what answered.
        prompt_tokens: As counted by the endpoint; None if it did not say.
        completion_tokens: Likewise.
        created: ISO date and time in UTC at which the reply was received.
        cached: Whether it was paid for earlier.
    """

    text: str
    finish_reason: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    created: str
    cached: bool = False


class ChatClient(Protocol):
    """Anything that answers chat requests: an endpoint, a script, a replay."""

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The reply, from the cache if it was paid for. Raises CallFailed with the reason if none."""


class CallFailed(FinegoldError):
    """One call has no reply; its message is the reason. The next call may have one."""


class Halted(CallFailed):
    """The call was not sent and no later one will be: a limit is reached, or the endpoint is down."""


RequestErrorKind = Literal["busy", "down", "lost", "garbled", "refused", "locked"]


class RequestError(Exception):
    """One try brought no reply.

    Attributes:
        kind: `busy` (429), `down` (no connection, 5xx), `lost` (sent, then timeout or cut connection),
            `garbled` (status 200, unreadable body), `refused` (other 4xx), `locked` (key or quota refused).
        reason: What happened, for a person; holds no key.
        retry_after: Seconds that the endpoint asks to wait.
        status: HTTP status, if any.
    """

    def __init__(
        self,
        kind: RequestErrorKind,
        reason: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.retry_after = retry_after
        self.status = status

    @property
    def charged(self) -> bool:
        """Whether the endpoint may have charged for the try."""
        return self.kind in ("lost", "garbled")


def read_body(body: bytes, created: str) -> ChatReply:
    """A Chat Completions body as a reply; raises a `garbled` RequestError if it is cut off or not one."""
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        shown = body[:80].decode("utf-8", "replace")
        raise RequestError("garbled", f"the reply's body is not JSON: {shown!r}", status=200) from None
    try:
        choice = data["choices"][0]
        message = choice["message"]
        text = message["content"] if message.get("content") is not None else ""
        if not isinstance(text, str) or (not text and not _explained(choice)):
            raise TypeError
        usage = data.get("usage") or {}
        return ChatReply(
            text=text,
            finish_reason=str(choice.get("finish_reason") or "unknown"),
            model=str(data.get("model") or "unknown"),
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
            created=created,
        )
    except (KeyError, IndexError, TypeError, AttributeError):
        shown = body[:120].decode("utf-8", "replace")
        raise RequestError(
            "garbled", f"the reply's body is not a chat completion: {shown!r}", status=200
        ) from None


def _explained(choice: dict[str, Any]) -> bool:
    """Whether an empty reply is a reply: a refusal, a filter, or a budget spent on thinking."""
    return bool(choice["message"].get("refusal")) or choice.get("finish_reason") in (
        "length",
        "content_filter",
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
