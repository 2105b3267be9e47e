"""The rating of a row by a language model, from 0 to 100; the prompt is in `finegold.llm.rating`.

A reply that cannot be read is a failure with a reason, never a number.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any, ClassVar

from PIL import Image

from finegold.errors import ConfigError
from finegold.llm import (
    CachedClient,
    ChatReply,
    ChatRequest,
    LoopThread,
    Picture,
    Plan,
    ask_until_read,
    check_model_name,
    echoes,
    holds_control_tokens,
    map_bounded,
    model_from,
    parse_rating,
)
from finegold.llm.rating import IMAGE_TEMPLATE, TEXT_TEMPLATE, rating_request
from finegold.samples import Sample
from finegold.scorers.base import NOT_IN_FINGERPRINT, Batch, Context, Score, ScoreBatch, Scorer
from finegold.scorers.registry import SCORERS

REPEATED = "the reply repeats words of the row as its score"
"""How the reason begins where a score is not the model's own."""

MOST_ASKS = 10
"""Most calls for one row whose replies cannot be read: each is paid."""


@SCORERS.register("llm")
@dataclass(frozen=True)
class LlmScorer(Scorer):
    """Rating of an answer by a language model, 0 to 100, higher is better; the image is not shown.

    A row whose call failed, or whose reply cannot be read, fails with the reason. Endpoint, limits, cache and
    audit come from the context's session: none of them changes a number.

    Attributes:
        model: Name of the model at the endpoint; FINEGOLD_LLM_MODEL by default.
        temperature: Sampling temperature, 0 by default, the paper used 1; None for models that accept none.
        max_tokens: Tokens of the longest reply; raise it for models that think aloud.
        structured: Whether to ask for output after a JSON schema; an endpoint that refuses may reply plainly.
        asks: Calls for a row until a reply can be read; as many more if the context says `retry`.
    """

    name = "llm"
    version = "1"
    template: ClassVar[str] = TEXT_TEMPLATE
    requires = frozenset({"answer", "instruction"})
    automatic = False
    uses_endpoint = True
    label = "LLM rating"

    model: str = field(default_factory=model_from)
    temperature: float | None = 0.0
    max_tokens: int = 256
    structured: bool = True
    asks: int = field(default=3, compare=False, metadata=NOT_IN_FINGERPRINT)

    def __post_init__(self) -> None:
        """Check the parameters.

        Raises:
            ConfigError: If no model is named, or a number is out of range.
        """
        check_model_name(self.model)
        warm = self.temperature is None or 0 <= self.temperature < math.inf
        if not (self.model and warm and self.max_tokens >= 1 and 1 <= self.asks <= MOST_ASKS):
            raise ConfigError(
                "the llm scorer needs a model, a temperature of 0 or more, max_tokens of at least 1, and "
                f"asks from 1 to {MOST_ASKS}"
            )

    def identity(self, context: Context) -> dict[str, Any]:
        """What the numbers depend on besides the fields: the prompt."""
        return {"template": self.template}

    def prepare(self, context: Context) -> ScoreBatch:
        """Open cache, audit and connections, which the context closes. Sends nothing.

        Raises:
            ConfigError: If no endpoint is set.
            MissingExtraError: If aiohttp is missing.
            RunError: If the cache or the audit cannot be used.
        """
        loop = context.exit.enter_context(LoopThread())
        session = context.session
        client = loop.open(replace(session, retry=session.retry or context.retry))
        context.exit.callback(lambda: context.notes.extend(_used(client)))
        return lambda batch: loop.run(self._score_all(client, context, batch))

    def plan(
        self, context: Context, samples: Iterable[Sample], images: Iterable[Image.Image | None] | None = None
    ) -> Plan:
        """Count what scoring would send and cost, without sending anything.

        Args:
            context: Gives cache and prices.
            samples: The rows.
            images: Only for a scorer that shows them: as in `Batch.images`.
        """
        plan = Plan(context.session.cache, context.session.limits)
        for sample, image in zip(samples, repeat(None) if images is None else images, strict=False):
            if self._reason_against(sample, image) is None:
                plan.add(self.request(sample, image))
        return plan

    def request(self, sample: Sample, image: Image.Image | None = None, attempt: int = 0) -> ChatRequest:
        """The call for one row."""
        return rating_request(
            sample.instruction,
            sample.answer,
            Picture.of(image) if image is not None else None,
            model=self.model,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            structured=self.structured,
            attempt=attempt,
            tags={"sample_id": sample.id},
        )

    def _reason_against(self, sample: Sample, image: Image.Image | None) -> str | None:
        return None if sample.answer.strip() else "the row has no answer to rate"

    async def _score_all(self, client: CachedClient, context: Context, batch: Batch) -> list[Score]:
        async def score(row: int) -> Score:
            image = None if batch.images is None else batch.images[row]
            return await self._score_row(client, batch.samples[row], image, retry=context.retry)

        rows = range(len(batch.samples))
        return await map_bounded(score, rows, concurrency=context.session.endpoint.concurrency)

    async def _score_row(
        self, client: CachedClient, sample: Sample, image: Image.Image | None, *, retry: bool
    ) -> Score:
        if reason := self._reason_against(sample, image):
            return Score.skipped(reason)
        found = await ask_until_read(
            client,
            lambda attempt: self.request(sample, image, attempt),
            lambda reply: _read(reply, sample),
            asks=self.asks,
            retry=retry,
        )
        if found.value is not None:
            return Score.ok(found.value, _remark(sample, image))
        return Score.failed(found.reason)


@SCORERS.register("llm-image")
@dataclass(frozen=True)
class LlmImageScorer(LlmScorer):
    """Rating of an answer by a language model that is shown the row's first image, 0 to 100."""

    template: ClassVar[str] = IMAGE_TEMPLATE
    requires = frozenset({"answer", "instruction", "image"})

    def _reason_against(self, sample: Sample, image: Image.Image | None) -> str | None:
        no_image = "the row has no image to show" if image is None else None
        return super()._reason_against(sample, image) or no_image


def _read(reply: ChatReply, sample: Sample) -> tuple[float | None, str]:
    """The rating, or why there is none."""
    reading = parse_rating(reply.answer, cut=reply.finish_reason == "length")
    if reading.value is not None and echoes(reading, reply.answer, (sample.answer, sample.instruction)):
        return None, f"{REPEATED}: {reading.field[:60]!a}"
    return reading.value, reading.reason


def _remark(sample: Sample, image: Image.Image | None) -> str | None:
    remarks = []
    if holds_control_tokens(sample.answer) or holds_control_tokens(sample.instruction):
        remarks.append("control tokens in the row were shown to the model with a space inside")
    if image is not None and len(sample.images) > 1:
        remarks.append(f"the first of {len(sample.images)} images was shown")
    return "; ".join(remarks) or None


def _used(client: CachedClient) -> list[str]:
    """Lines on the calls, tokens and dollars that were used, on why calls stopped, and the client's notes."""
    lines = [client.budget.spent.text(client.budget.limits)]
    if client.halted:
        lines.append(f"stopped: {client.halted}; --retry-failed goes on")
    return lines + [f"note: {note}" for note in client.notes]
