"""What comes back: a reply, or the reason why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from finegold.errors import FinegoldError
from finegold.llm.request import ChatRequest
from finegold.llm.thinking import without_thinking

TokenLogprobs: TypeAlias = Sequence[tuple[str, float]]
"""Tokens, each with its log-probability in nats."""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A finished reply of the model.

    Attributes:
        text: The text as it came, thinking included; empty if the reply holds none.
        finish_reason: `stop`, `length`, `content_filter`, or another word of the endpoint.
        model: Name of the model that answered, by the endpoint.
        prompt_tokens: Tokens of the prompt, by the endpoint's count; None if it did not say.
        completion_tokens: Tokens of the reply, by the endpoint's count; None if it did not say.
        created: ISO date and time in UTC at which the reply was received.
        cached: Whether it was paid for earlier.
        reasoning: The model's thinking where the endpoint gives it in a field of its own.
        problem: Why a finished reply holds no text, with its telling part; empty if it holds text.
        prompt_logprobs: The prompt's tokens (ids) where they were requested and given; see `logprobs`.
        first_logprobs: The likeliest first tokens (text) where they were requested and given.
    """

    text: str
    finish_reason: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    created: str
    cached: bool = False
    reasoning: str = ""
    problem: str = ""
    prompt_logprobs: TokenLogprobs = ()
    first_logprobs: TokenLogprobs = ()

    @property
    def answer(self) -> str:
        """The text without the model's thinking."""
        return without_thinking(self.text)

    @property
    def why_empty(self) -> str:
        """Why there is no answer; empty if there is one."""
        if self.answer or self.prompt_logprobs or self.first_logprobs:
            return ""
        if self.text.strip():
            return f"the reply is the model's thinking and no answer (it ended with '{self.finish_reason}')"
        return self.problem or f"the model gave no text (it ended with '{self.finish_reason}')"


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
            `garbled` (a body that is cut off), `refused` (other 4xx, or no chat completion at all), `locked`
            (key, money or quota refused).
        reason: What happened, for a person; holds no key.
        retry_after: Seconds that the endpoint asks to wait.
        status: HTTP status, or the code of an error that came with status 200.
        tries: Most tries that such an error is worth, where it is likely to come again; None for as many as
            the endpoint's settings allow.
        reply: What to keep as the reply when the tries are used up, since it was paid for; None if nothing.
    """

    kind: RequestErrorKind
    reason: str
    retry_after: float | None = field(default=None, kw_only=True)
    status: int | None = field(default=None, kw_only=True)
    tries: int | None = field(default=None, kw_only=True)
    reply: ChatReply | None = field(default=None, kw_only=True)

    def __str__(self) -> str:
        return self.reason

    @property
    def charged(self) -> bool:
        """Whether the endpoint may have charged for the try."""
        return self.kind in ("lost", "garbled")
