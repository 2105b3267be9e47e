"""Money: what calls will cost, what they did cost, and a stop before a limit is passed."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from finegold.errors import ConfigError, counted
from finegold.llm.cache import Cache
from finegold.llm.reply import ChatReply, Halted
from finegold.llm.request import ChatRequest, Picture

_TOKENS_OF_FRAME = 8
"""Tokens of the role and the separators around one message; the common chat formats need 3 to 7."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens."""

    prompt: float
    completion: float

    def __post_init__(self) -> None:
        """Raise ConfigError if one is no price: below 0, infinite or no number."""
        for price in (self.prompt, self.completion):
            if not 0 <= price < math.inf:
                raise ConfigError(
                    f"a price of {price} dollars per million tokens makes no sense: give 0 or more"
                )


def estimate_tokens(request: ChatRequest) -> int:
    """Prompt tokens of a request, estimated without the model's tokenizer.

    A token for every three bytes of UTF-8, which is more than English needs (about four), so that a limit
    holds; for each picture the published rule of OpenAI's vision models: 85, and 170 for every tile of 512
    pixels.
    """
    total = 0
    for message in request.messages:
        total += _TOKENS_OF_FRAME
        for part in message.parts:
            if isinstance(part, Picture):
                width, height = part.size
                total += 85 + 170 * -(-width // 512) * -(-height // 512)
            else:
                total += _text_tokens(part if isinstance(part, str) else getattr(part, "text", "") + " " * 48)
    return total if request.schema is None else total + -(-len(str(request.schema)) // 3)


def _text_tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // 3)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent.

    Attributes:
        max_calls: Most requests sent, retries included; None for no limit.
        max_usd: Most dollars spent; None for no limit. Needs `prices`.
        prices: Prices of the model's tokens; None if unknown.
    """

    max_calls: int | None = None
    max_usd: float | None = None
    prices: Prices | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError if a limit is no number of 0 or more, or dollars have no known price."""
        if self.max_calls is not None and self.max_calls < 0:
            raise ConfigError(f"--max-calls is {self.max_calls}, expected 0 or more: give another limit")
        if self.max_usd is not None and not 0 <= self.max_usd < math.inf:
            raise ConfigError(f"--max-usd is {self.max_usd}, expected 0 or more dollars: give another limit")
        if self.max_usd is not None and self.prices is None:
            raise ConfigError(
                f"--max-usd {self.max_usd:g} cannot be kept because the model's price is unknown: give "
                "--usd-per-m-prompt and --usd-per-m-completion (dollars per million tokens)"
            )

    def usd(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Price of some tokens in dollars; None if the prices are unknown."""
        if self.prices is None:
            return None
        return (prompt_tokens * self.prices.prompt + completion_tokens * self.prices.completion) / 1e6


@dataclass(slots=True)
class Spent:
    """What was used so far, replies from the cache not counted.

    Attributes:
        calls: Requests sent, retries included.
        replies: Whole replies received.
        prompt_tokens: Tokens of the prompts, as the endpoint counted them, else estimated.
        completion_tokens: Tokens of the replies, as the endpoint counted them, else estimated.
        uncertain: Tries that broke after they were sent: the endpoint may have charged for them, so they are
            counted in full.
    """

    calls: int = 0
    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncertain: int = 0

    def text(self, limits: Limits) -> str:
        """What was used in words, in dollars too where the prices are known."""
        usd = limits.usd(self.prompt_tokens, self.completion_tokens)
        price = "" if usd is None else f"; spent: ${usd:,.4f}"
        tokens = f"{self.prompt_tokens:,} sent, {self.completion_tokens:,} received"
        return f"calls: {self.calls:,}; tokens: {tokens}{price}"


@dataclass(slots=True)
class Ledger:
    """What a session has spent and reserved, over all clients that are opened of it.

    Attributes:
        spent: What was used.
        reserved_usd: The most that the calls in flight can cost, in dollars.
    """

    spent: Spent = field(default_factory=Spent)
    reserved_usd: float = 0.0


class Budget:
    """Keeps the limits with calls in flight: each reserves the most that it can cost until it is settled.

    A call that does not fit waits for those in flight, which mostly cost less than they reserved; when none
    is left and it still does not fit, the budget is spent.
    """

    def __init__(self, limits: Limits, ledger: Ledger | None = None) -> None:
        self.limits = limits
        self.ledger = ledger or Ledger()
        self.spent = self.ledger.spent
        self._in_flight = 0
        self._settled = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, prompt_tokens: int, max_tokens: int) -> AsyncIterator[None]:
        """Reserve the most that one try can cost, or raise Halted; inside, `count` its outcome."""
        most = self.limits.usd(prompt_tokens, max_tokens) or 0.0
        await self._fit(most)
        self.spent.calls += 1
        self._in_flight += 1
        self.ledger.reserved_usd += most
        try:
            yield
        finally:
            self._in_flight -= 1
            self.ledger.reserved_usd -= most
            if self.limits.max_usd is not None:
                async with self._settled:
                    self._settled.notify_all()

    def count(self, prompt_tokens: int, max_tokens: int, reply: ChatReply | None) -> int:
        """Count a try that the endpoint may charge for, and return its tokens.

        A reply costs what it says, else what is estimated; a try that broke after it was sent (None) costs
        the most that it can.
        """
        if reply is None:
            self.spent.uncertain += 1
        else:
            self.spent.replies += 1
            guess = min(max_tokens, _text_tokens(reply.text))
            prompt_tokens = prompt_tokens if reply.prompt_tokens is None else reply.prompt_tokens
            max_tokens = guess if reply.completion_tokens is None else reply.completion_tokens
        self.spent.prompt_tokens += prompt_tokens
        self.spent.completion_tokens += max_tokens
        return prompt_tokens + max_tokens

    async def _fit(self, most: float) -> None:
        max_calls, max_usd = self.limits.max_calls, self.limits.max_usd
        async with self._settled:
            while True:
                if max_calls is not None and self.spent.calls >= max_calls:
                    raise Halted(f"the limit of {counted(max_calls, 'call')} is reached")
                spent = self.limits.usd(self.spent.prompt_tokens, self.spent.completion_tokens) or 0.0
                if max_usd is None or spent + self.ledger.reserved_usd + most <= max_usd:
                    return
                if self._in_flight == 0:
                    raise Halted(f"the limit of {max_usd:g} dollars is reached")
                await self._settled.wait()


class Plan:
    """What requests would cost, before anything is sent.

    Equal requests count once; those in the cache are free.

    Attributes:
        calls: Calls to send if every reply can be read at once.
        cached: Requests that the cache answers.
        prompt_tokens: Tokens of the prompts, estimated on the upper side.
        completion_tokens: Tokens of the replies if each were as long as allowed.
    """

    def __init__(self, cache: Path, limits: Limits) -> None:
        self.calls = self.cached = self.prompt_tokens = self.completion_tokens = 0
        self._cache = Cache(cache) if cache.exists() else None
        self._limits = limits
        self._seen: set[str] = set()

    def add(self, request: ChatRequest) -> None:
        """Count one request."""
        keys = request.keyed()
        key = next(iter(keys))
        if key in self._seen:
            return
        self._seen.add(key)
        if self._cache is not None and self._cache.first(keys) is not None:
            self.cached += 1
            return
        self.calls += 1
        self.prompt_tokens += estimate_tokens(request)
        self.completion_tokens += request.max_tokens

    @property
    def usd(self) -> float | None:
        """Price if every reply were as long as allowed; None if it is unknown."""
        return self._limits.usd(self.prompt_tokens, self.completion_tokens)

    def lines(self) -> list[tuple[str, str]]:
        """Rows of a table for a person."""
        unknown = "unknown: give the prices per million tokens"
        return [
            ("calls to send", f"{self.calls:,}"),
            ("answered from the cache", f"{self.cached:,}"),
            ("prompt tokens", f"about {self.prompt_tokens:,}"),
            ("reply tokens", f"at most {self.completion_tokens:,}"),
            ("price", unknown if self.usd is None else f"at most ${self.usd:,.4f}"),
        ]
