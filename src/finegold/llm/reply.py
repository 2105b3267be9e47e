"""What comes back: a reply, or the reason why there is none."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from finegold.errors import FinegoldError
from finegold.llm.request import ChatRequest


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A whole reply of the model.

    Attributes:
        text: The text; empty if the model refused.
        finish_reason: `stop`, `length`, `content_filter`, or another word of the endpoint.
        model: Name of the model that answered, by the endpoint.
        prompt_tokens: Tokens of the prompt, by the endpoint's count; None if it did not say.
        completion_tokens: Tokens of the reply, by the endpoint's count; None if it did not say.
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

    def __init__(self, reason: str) -> None:
        super().__init__(f"not sent: {reason}")
        self.reason = reason


RequestErrorKind = Literal["busy", "down", "lost", "garbled", "refused", "locked"]


@dataclass(eq=False)
class RequestError(Exception):
    """One try brought no reply.

    Attributes:
        kind: `busy` (429), `down` (no connection, 5xx), `lost` (sent, then timeout or cut connection),
            `garbled` (status 200, unreadable body), `refused` (other 4xx), `locked` (key or quota refused).
        reason: What happened, for a person; holds no key.
        retry_after: Seconds that the endpoint asks to wait.
        status: HTTP status, if any.
    """

    kind: RequestErrorKind
    reason: str
    retry_after: float | None = field(default=None, kw_only=True)
    status: int | None = field(default=None, kw_only=True)

    def __str__(self) -> str:
        return self.reason

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
        # An empty reply is one after a refusal, a filter, or a budget spent on thinking.
        empty = message.get("refusal") or choice.get("finish_reason") in ("length", "content_filter")
        if not isinstance(text, str) or not (text or empty):
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


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
