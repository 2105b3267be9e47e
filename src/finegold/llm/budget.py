"""Money: what calls will cost, what they did cost, and a stop before a limit is passed."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from finegold.errors import ConfigError
from finegold.llm.reply import ChatReply, Halted
from finegold.llm.request import ChatRequest, Picture

_TOKENS_OF_FRAME = 8
"""Of the role and the separators around one message; the common chat formats need 3 to 7."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens."""

    prompt: float
    completion: float

    def usd(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Price of a call."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


def prices_from(prompt: float | None = None, completion: float | None = None) -> Prices | None:
    """Prices from what was given, else from the environment; None if unknown.

    The variables are FINEGOLD_LLM_USD_PER_M_PROMPT and FINEGOLD_LLM_USD_PER_M_COMPLETION.

    Raises:
        ConfigError: If only one of the two is known, or one is no price.
    """
    found: list[float | None] = []
    for given, name in ((prompt, "PROMPT"), (completion, "COMPLETION")):
        text = os.environ.get(f"FINEGOLD_LLM_USD_PER_M_{name}")
        try:
            price = given if given is not None else float(text) if text else None
        except ValueError:
            raise ConfigError(
                f"FINEGOLD_LLM_USD_PER_M_{name} is {text!r}: give dollars, such as 0.15"
            ) from None
        if price is not None and not 0 <= price < float("inf"):
            raise ConfigError(f"a price of {price} dollars per million tokens makes no sense: give 0 or more")
        found.append(price)
    if found[0] is None and found[1] is None:
        return None
    if found[0] is None or found[1] is None:
        raise ConfigError(
            "only one of the two prices is known: give those of prompt and of completion tokens"
        )
    return Prices(found[0], found[1])


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
                text = part if isinstance(part, str) else getattr(part, "text", "") + " " * 48
                total += -(-len(text.encode("utf-8", "replace")) // 3)
    if request.schema is not None:
        total += -(-len(str(request.schema)) // 3)
    return total


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent.

    Attributes:
        max_calls: Requests sent, retries included; None for no limit.
        max_usd: Dollars; None for no limit. Needs `prices`.
        prices: None if unknown.
    """

    max_calls: int | None = None
    max_usd: float | None = None
    prices: Prices | None = None

    def __post_init__(self) -> None:
        """Check that the limits can be kept.

        Raises:
            ConfigError: If dollars are limited and the price is unknown.
        """
        if self.max_usd is not None and self.prices is None:
            raise ConfigError(
                f"--max-usd {self.max_usd:g} cannot be kept because the model's price is unknown: give "
                "--usd-per-m-prompt and --usd-per-m-completion (dollars per million tokens)"
            )


@dataclass(slots=True)
class Spent:
    """What was used so far, replies from the cache not counted.

    Attributes:
        calls: Requests sent, retries included.
        replies: Whole replies received.
        prompt_tokens: As the endpoint counted them, else estimated.
        completion_tokens: Likewise.
        uncertain: Tries that broke after they were sent: the endpoint may have charged for them, so they are
            counted in full.
    """

    calls: int = 0
    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncertain: int = 0

    def usd(self, prices: Prices | None) -> float | None:
        """Dollars, None if the price is unknown."""
        return None if prices is None else prices.usd(self.prompt_tokens, self.completion_tokens)


class Reservation:
    """One try's reservation; tell it what became of the try."""

    def __init__(self, prompt_tokens: int, completion_tokens: int) -> None:
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens
        self.charge: tuple[int, int] = (0, 0)
        self.uncertain = False
        self.reply: ChatReply | None = None

    def paid(self, reply: ChatReply) -> None:
        """A reply came: it costs what it says, else what was estimated."""
        self.reply = reply
        completion = reply.completion_tokens
        guess = min(self.completion_tokens, -(-len(reply.text.encode("utf-8", "replace")) // 3))
        self.charge = (
            self.prompt_tokens if reply.prompt_tokens is None else reply.prompt_tokens,
            guess if completion is None else completion,
        )

    def lost(self) -> None:
        """The try broke after it was sent: count the whole of it."""
        self.charge = (self.prompt_tokens, self.completion_tokens)
        self.uncertain = True


class Budget:
    """Keeps the limits with calls in flight: each reserves the most that it can cost until it is settled.

    A call that does not fit waits for those in flight, which mostly cost less than they reserved; when none
    is left and it still does not fit, the budget is spent.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spent = Spent()
        self._reserved_usd = 0.0
        self._in_flight = 0
        self._settled = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, prompt_tokens: int, completion_tokens: int) -> AsyncIterator[Reservation]:
        """Reserve one try.

        Raises:
            Halted: If a limit would be passed.
        """
        prices = self.limits.prices
        most = prices.usd(prompt_tokens, completion_tokens) if prices is not None else 0.0
        if self.limits.max_calls is not None or self.limits.max_usd is not None:
            await self._fit(most)
        reservation = Reservation(prompt_tokens, completion_tokens)
        self.spent.calls += 1
        self._in_flight += 1
        self._reserved_usd += most
        try:
            yield reservation
        finally:
            self._in_flight -= 1
            self._reserved_usd -= most
            self.spent.prompt_tokens += reservation.charge[0]
            self.spent.completion_tokens += reservation.charge[1]
            self.spent.replies += reservation.reply is not None
            self.spent.uncertain += reservation.uncertain
            if self.limits.max_usd is not None:
                async with self._settled:
                    self._settled.notify_all()

    async def _fit(self, most: float) -> None:
        if self.limits.max_calls is not None and self.spent.calls >= self.limits.max_calls:
            raise Halted(f"not asked: the limit of {self.limits.max_calls} calls is reached")
        limit = self.limits.max_usd
        if limit is None:
            return
        async with self._settled:
            while (self.spent.usd(self.limits.prices) or 0.0) + self._reserved_usd + most > limit:
                if self._in_flight == 0:
                    raise Halted(f"not asked: the limit of {limit:g} dollars is reached")
                await self._settled.wait()
            if self.limits.max_calls is not None and self.spent.calls >= self.limits.max_calls:
                raise Halted(f"not asked: the limit of {self.limits.max_calls} calls is reached")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would send and cost, before anything is sent.

    Attributes:
        calls: To be sent if every reply can be read at once.
        cached: Answered from the cache, free.
        prompt_tokens: Estimated, upper side.
        completion_tokens: If every reply were as long as allowed.
        usd: Likewise; None if the price is unknown.
    """

    calls: int
    cached: int
    prompt_tokens: int
    completion_tokens: int
    usd: float | None

    def lines(self) -> list[tuple[str, str]]:
        """Rows of a table for a person."""
        price = (
            f"at most ${self.usd:,.4f}"
            if self.usd is not None
            else "unknown: give the prices per million tokens"
        )
        return [
            ("calls to send", f"{self.calls:,}"),
            ("answered from the cache", f"{self.cached:,}"),
            ("prompt tokens", f"about {self.prompt_tokens:,}"),
            ("reply tokens", f"at most {self.completion_tokens:,}"),
            ("price", price),
        ]
