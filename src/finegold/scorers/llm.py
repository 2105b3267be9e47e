"""`llm`: a language model rates each row from 0 to 100; the prompt is in `finegold.llm.rating`.

A reply that cannot be read is a failure with a reason, never a number.
"""

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from PIL import Image

from finegold.errors import ConfigError
from finegold.llm import (
    CachedClient,
    CallFailed,
    ChatReply,
    ChatRequest,
    LoopThread,
    Picture,
    Plan,
    Planner,
    Session,
    Spent,
    echoes,
    holds_control_tokens,
    map_bounded,
    model_from,
    parse_rating,
    session_from,
)
from finegold.llm.rating import IMAGE_TEMPLATE, TEXT_TEMPLATE, rating_request
from finegold.samples import Sample
from finegold.scorers.base import Batch, Column, Score
from finegold.scorers.registry import NOT_IN_FINGERPRINT


@dataclass(frozen=True)
class LlmScorer:
    """Rating of an answer by a language model, 0 to 100, higher is better; the image is not shown.

    Rows that could not be asked or read are failed with the reason. `score` may be called from several
    threads.

    Attributes:
        model: As the endpoint names it; FINEGOLD_LLM_MODEL if empty.
        temperature: 0 by default, the paper used 1; None for models that accept none.
        max_tokens: Longest reply; raise it for models that think aloud.
        structured: Ask for output after a JSON schema; an endpoint that refuses is asked for plain replies.
        asks: Times that a row is asked until a reply can be read.
        retry: Ask rows whose replies could not be read `asks` times more, instead of reading the same
            replies.
        session: Endpoint, limits, cache and audit, none of which changes a number; from the environment if
            not given.
    """

    name: ClassVar[str] = "llm"
    version: ClassVar[str] = "1"
    template: ClassVar[str] = TEXT_TEMPLATE
    requires: ClassVar[frozenset[Column]] = frozenset({"answer", "instruction"})

    model: str = ""
    temperature: float | None = 0.0
    max_tokens: int = 256
    structured: bool = True
    asks: int = field(default=3, compare=False, metadata=NOT_IN_FINGERPRINT)
    retry: bool = field(default=False, compare=False, metadata=NOT_IN_FINGERPRINT)
    session: Session = field(
        default_factory=session_from, compare=False, repr=False, metadata=NOT_IN_FINGERPRINT
    )
    _live: dict[str, Any] = field(
        default_factory=dict, init=False, compare=False, repr=False, metadata=NOT_IN_FINGERPRINT
    )

    def __post_init__(self) -> None:
        """Name the model and check the parameters.

        Raises:
            ConfigError: If no model is named, or a number is not positive.
        """
        object.__setattr__(self, "model", model_from(self.model))
        if self.max_tokens < 1 or self.asks < 1:
            raise ConfigError("the llm scorer needs max_tokens and asks of at least 1")

    def identity(self) -> dict[str, Any]:
        """What the numbers depend on beside the fields, for fingerprints."""
        return {"template": self.template}

    def load(self) -> None:
        """Open cache, audit and connections. Sends nothing.

        Raises:
            MissingExtraError: If aiohttp is missing.
            RunError: If the cache or the audit cannot be used.
        """
        if self._live:
            return
        loop = LoopThread()
        try:
            self._live["client"] = loop.run(self.session.open())
        except BaseException:
            loop.close()
            raise
        self._live["loop"] = loop
        self._live["end"] = weakref.finalize(self, _close, loop, self._live["client"])

    def close(self) -> None:
        """Close cache, audit and connections; `load` opens them again."""
        if self._live:
            self._live["end"]()
            self._live.clear()

    def score(self, batch: Batch) -> list[Score]:
        """One Score a sample, in order; the calls run at the session's concurrency."""
        self.load()
        loop: LoopThread = self._live["loop"]
        return loop.run(self._score_all(batch))

    def plan(self, samples: Iterable[Sample], images: Iterable[Image.Image | None] | None = None) -> Plan:
        """What scoring would send and cost, without sending anything.

        Args:
            samples: The rows.
            images: Only for a scorer that shows them: as in `Batch.images`.
        """
        planner = Planner(self.session.cache, self.session.limits)
        pictures = iter(images) if images is not None else None
        for sample in samples:
            image = next(pictures) if pictures is not None else None
            if self._inapplicable(sample, image) is None:
                planner.add(self.request(sample, image))
        return planner.plan()

    @property
    def spent(self) -> Spent:
        """Calls and tokens used since `load`."""
        return self._live["client"].budget.spent if self._live else Spent()

    @property
    def halted(self) -> str | None:
        """Why rows were no longer asked: a limit, a refused key, an endpoint that is down."""
        halted: str | None = self._live["client"].halted if self._live else None
        return halted

    @property
    def notes(self) -> list[str]:
        """What could not be done as asked, for the user."""
        return list(self._live["client"].notes) if self._live else []

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

    def _inapplicable(self, sample: Sample, image: Image.Image | None) -> str | None:  # noqa: ARG002
        return None if sample.answer.strip() else "the row has no answer to rate"

    async def _score_all(self, batch: Batch) -> list[Score]:
        images = batch.images if batch.images is not None else [None] * len(batch.samples)
        rows = list(zip(batch.samples, images, strict=True))
        scores: dict[int, Score] = {}
        async for position, score in map_bounded(
            self._score_row, rows, concurrency=self.session.endpoint.concurrency
        ):
            scores[position] = score
        return [scores[position] for position in range(len(rows))]

    async def _score_row(self, row: tuple[Sample, Image.Image | None]) -> Score:
        sample, image = row
        reason = self._inapplicable(sample, image)
        if reason is not None:
            return Score.skipped(reason)
        client: CachedClient = self._live["client"]
        fresh = attempt = 0
        why = ""
        while attempt < self.asks or (self.retry and fresh < self.asks):
            try:
                reply = await client.complete(self.request(sample, image, attempt))
            except CallFailed as failure:
                return Score.failed(f"{failure}; before that, {why}" if why else str(failure))
            value, why = _read(reply, sample)
            if value is not None:
                return Score.ok(value, _remark(sample, image))
            fresh += not reply.cached
            attempt += 1
        return Score.failed(f"{why} (asked {attempt} times)" if attempt > 1 else why)


@dataclass(frozen=True)
class LlmImageScorer(LlmScorer):
    """Rating of an answer by a language model that is shown the row's first image, 0 to 100."""

    template: ClassVar[str] = IMAGE_TEMPLATE
    requires: ClassVar[frozenset[Column]] = LlmScorer.requires | {"image"}

    def _inapplicable(self, sample: Sample, image: Image.Image | None) -> str | None:
        return super()._inapplicable(sample, image) or (
            None if image is not None else "the row has no image to show"
        )


def _read(reply: ChatReply, sample: Sample) -> tuple[float | None, str]:
    """The rating, or why there is none."""
    if not reply.text:
        return None, f"the model gave no answer (it ended with '{reply.finish_reason}')"
    reading = parse_rating(reply.text, cut=reply.finish_reason == "length")
    if reading.value is not None and echoes(reading, reply.text, (sample.answer, sample.instruction)):
        return None, f"the reply repeats the row's own words as its score: {reading.field[:60]!a}"
    return reading.value, reading.reason


def _remark(sample: Sample, image: Image.Image | None) -> str | None:
    remarks = []
    if holds_control_tokens(sample.answer) or holds_control_tokens(sample.instruction):
        remarks.append("control tokens in the row were shown to the model with a space inside")
    if image is not None and len(sample.images) > 1:
        remarks.append(f"the first of {len(sample.images)} images was shown")
    return "; ".join(remarks) or None


def _close(loop: LoopThread, client: CachedClient) -> None:
    loop.run(client.close())
    loop.close()
