"""What the indicators share that ask a vision-language model how likely a row's answers are.

The answers of a row are read as a conversation: see `Model.dialogue_losses`. Losses are nats a token.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from finegold.arrays import Vectors
from finegold.engines import HalvingBatches, map_ordered
from finegold.errors import FinegoldError
from finegold.models import KeptLosses, Model, NoLosses
from finegold.models.registry import ENDPOINT
from finegold.samples import Pair, Sample
from finegold.scorers.base import (
    ABOVE_0,
    NO_ANSWER,
    NO_IMAGE,
    Batch,
    Context,
    Score,
    ScoreBatch,
    Scorer,
    TurnScore,
    first_image,
    no_answer,
    runs_of_images,
)

IMAGES_AT_ONCE = 32
"""Images that are held decoded."""


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row that the model is asked about.

    Attributes:
        sample: The sample.
        image: Its first image, RGB.
        pairs: Its questions and answers; answers without text are left out. At least one.
    """

    sample: Sample
    image: Image.Image
    pairs: tuple[Pair, ...]


ScoreRows: TypeAlias = Callable[[Sequence[ShownRow]], list[Score]]
"""Gives one Score a row, in order; a row's score may not depend on the other rows."""


@dataclass(frozen=True)
class ModelScorer(Scorer):
    """Base of the indicators that a vision-language model computes.

    A row is shown with its first image; one without an image or without an answer is skipped.

    Attributes:
        model: `offline-vqa`, `offline`, `minigpt4-7b` with `--projection`, a folder that `finegold tune`
            wrote, a Hugging Face folder or hub id, or `endpoint:NAME` where the endpoint gives the
            log-probabilities of its prompts.
        dtype: `float32`, `bfloat16`, `float16`, or `auto`, as `load_model` takes it.
        max_tokens: Number of tokens at which an answer is cut, with a remark; `yes-probability` cuts nothing.
    """

    requires = frozenset({"instruction", "answer"})
    by_turn = True

    model: str = "offline-vqa"
    dtype: str = "auto"
    max_tokens: int = field(default=512, metadata=ABOVE_0)

    def identity(self, context: Context) -> dict[str, Any]:
        """What the model's numbers depend on."""
        return context.model(self.model, self.dtype).identity()

    @abstractmethod
    def scores(self, model: Model, context: Context) -> ScoreRows:
        """The function that scores rows with a loaded model; called once."""

    def prepare(self, context: Context) -> ScoreBatch:
        """Load the model, which the context closes.

        Raises:
            ModelError: If the model cannot be loaded, or computes no losses.
        """
        model = context.model(self.model, self.dtype)
        kept = None
        if context.losses is not None and not self.model.startswith(ENDPOINT):
            model = kept = KeptLosses(model, context.losses)
        context.exit.callback(model.close)
        model.load()
        model.check_losses()
        score_rows = partial(HalvingBatches("rows").apply, self.scores(model, context))

        def score_batch(batch: Batch) -> list[Score]:
            scores: list[Score | None] = [_reason_against(sample) for sample in batch.samples]
            # Rows of like length together, so that little of a forward pass is padding.
            left = [row for row, score in enumerate(scores) if score is None]
            left.sort(key=lambda row: (len(batch.samples[row].answer), batch.samples[row].id))
            for start, end in runs_of_images([batch.samples[row] for row in left], IMAGES_AT_ONCE):
                rows = left[start:end]
                samples = [batch.samples[row] for row in rows]
                images = list(map_ordered(first_image, samples, workers=context.workers))
                shown = {
                    row: ShownRow(sample, image, _answered(sample))
                    for row, sample, image in zip(rows, samples, images, strict=True)
                    if isinstance(image, Image.Image)
                }
                for row, image in zip(rows, images, strict=True):
                    if isinstance(image, str):
                        scores[row] = Score.failed(image)
                for row, score in zip(shown, _score_rows(score_rows, list(shown.values())), strict=True):
                    scores[row] = score
            if kept is not None:
                kept.flush()
            return [score for score in scores if score is not None]

        return score_batch

    def losses(
        self, model: Model, rows: Sequence[ShownRow], images: Sequence[Image.Image], **how: Any
    ) -> list[list[Vectors]]:
        """Losses of each answer of the rows with these images; `how` is as for `dialogue_losses`."""
        return model.dialogue_losses(images, [row.pairs for row in rows], max_tokens=self.max_tokens, **how)

    def own_losses(self, model: Model, rows: Sequence[ShownRow], **how: Any) -> list[list[Vectors]]:
        """Losses of each answer of the rows with their images."""
        return self.losses(model, rows, [row.image for row in rows], **how)

    def ok(
        self,
        value: float,
        row: ShownRow,
        losses: Sequence[Vectors],
        turns: Sequence[float],
        sentences: Sequence[Sequence[float | None]] | None = None,
    ) -> Score:
        """A number, with the value of each answer and a remark on what was not read.

        Numbers are rounded where batches differ.
        """
        remarks = []
        if len(row.sample.images) > 1:
            remarks.append(f"the first of {len(row.sample.images)} images was shown")
        if any(len(one) >= self.max_tokens for one in losses):
            remarks.append(f"an answer was cut at {self.max_tokens} tokens")
        left = iter(zip(turns, sentences or [()] * len(turns), strict=True))
        by_turn = tuple(
            _turn_score(*next(left)) if pair.answer else TurnScore(None, no_answer(pair))
            for pair in row.sample.pairs
        )
        return replace(Score.ok(round(value, 4), "; ".join(remarks) or None), turns=by_turn)


def mean_loss(losses: Sequence[Vectors]) -> float:
    """Mean over all tokens of all answers of a row, nats."""
    return float(np.concatenate(losses).mean(dtype=np.float64))


def turn_losses(losses: Sequence[Vectors]) -> list[float]:
    """Mean over the tokens of each answer of a row, nats."""
    return [mean_loss([one]) for one in losses]


def _turn_score(value: float, sentences: Sequence[float | None]) -> TurnScore:
    parts = tuple(None if one is None else round(one, 4) for one in sentences)
    return TurnScore(round(value, 4), None, parts)


def _answered(sample: Sample) -> tuple[Pair, ...]:
    return tuple(pair for pair in sample.pairs if pair.answer)


def _reason_against(sample: Sample) -> Score | None:
    if not sample.images:
        return Score.skipped(NO_IMAGE)
    return None if _answered(sample) else Score.skipped(NO_ANSWER)


def _score_rows(score_rows: ScoreRows, rows: Sequence[ShownRow]) -> list[Score]:
    """Score rows together; where that raises, each alone, so that one row fails alone."""
    try:
        return score_rows(rows) if rows else []
    except FinegoldError:
        raise
    except NoLosses as missing:
        if len(rows) == 1:
            return [Score.failed(str(missing))]
        return [_score_rows(score_rows, [row])[0] for row in rows]
    except Exception as error:
        if len(rows) == 1:
            return [Score.failed(f"the model raised {type(error).__name__}: {error}")]
        return [_score_rows(score_rows, [row])[0] for row in rows]
