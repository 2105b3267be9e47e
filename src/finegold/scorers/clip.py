"""CLIP score: how well the answer's sentences fit the image (after Hessel et al. 2021, arXiv 2104.08718)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np

from finegold.arrays import Floats
from finegold.encoders import Encoder, embed_groups
from finegold.errors import ConfigError
from finegold.samples.words import count_words
from finegold.scorers.base import Batch, Context, Score, ScoreBatch, Scorer
from finegold.scorers.registry import SCORERS

Mode = Literal["paper", "whole"]
PAPER_PIECES = 10


@SCORERS.register("clip")
@dataclass(frozen=True)
class Clip(Scorer):
    """100 times the mean cosine between the image and the pieces of the answer; about -100 to 100.

    A sample with several images is scored against their mean embedding; one without an image is skipped.

    Attributes:
        encoder: Name for `load_encoder`.
        mode: `paper` as the released code of InstructionGPT-4 (arXiv 2308.12067) does: the answer split on
            ".", first ten pieces, the empty one after the last full stop among them, plain mean, 4 decimals;
            a piece beyond the text tower's length is cut. `whole`: all of the answer in windows that the
            tower reads whole, weighted by their words and punctuation marks.
        dtype: Precision of the encoder.
    """

    name = "clip"
    version = "1"
    requires = frozenset({"answer", "image_embedding"})
    uses_encoder = True
    label = "CLIP score"

    encoder: str = "openai/clip-vit-large-patch14"
    mode: Mode = "paper"
    dtype: str = "auto"

    def __post_init__(self) -> None:
        """Refuse an unknown mode."""
        if self.mode not in get_args(Mode):
            raise ConfigError(f"clip has no mode '{self.mode}': give one of {', '.join(get_args(Mode))}")

    def identity(self, context: Context) -> dict[str, Any]:
        """What the encoder's numbers depend on."""
        return context.encoder(self.encoder, self.dtype).identity()

    def prepare(self, context: Context) -> ScoreBatch:
        """Load the encoder; repeated sentences of a batch are embedded once."""
        encoder = context.encoder(self.encoder, self.dtype)
        encoder.load()
        return partial(self._score_batch, encoder)

    def _score_batch(self, encoder: Encoder, batch: Batch) -> list[Score]:
        if batch.image_embeddings is None:
            raise ConfigError("the scorer 'clip' needs a batch with image embeddings, and this one has none")
        answers = [
            sample.answer if sample.images and np.isfinite(image).all() else None
            for sample, image in zip(batch.samples, batch.image_embeddings, strict=True)
        ]
        pieces = [[] if answer is None else self._pieces(encoder, answer) for answer in answers]
        groups = embed_groups(encoder, pieces)
        scores = []
        for row, (sample, answer) in enumerate(zip(batch.samples, answers, strict=True)):
            if not sample.images:
                scores.append(Score.skipped("the row has no image"))
            elif answer is None:
                scores.append(Score.failed("the image has no embedding"))
            else:
                image = _unit(batch.image_embeddings[row].astype(np.float64)[None])[0]
                cosines = _unit(groups[row].astype(np.float64)) @ image
                scores.append(self._score(encoder, answer, pieces[row], cosines))
        return scores

    def _pieces(self, encoder: Encoder, answer: str) -> list[str]:
        if self.mode == "paper":
            return answer.split(".")[:PAPER_PIECES]
        return encoder.windows(answer)

    def _score(self, encoder: Encoder, answer: str, pieces: Sequence[str], cosines: Floats) -> Score:
        if self.mode == "paper":
            return Score.ok(round(100 * float(cosines.mean()), 4), _cut(encoder, answer, pieces))
        weights = np.array([max(1, count_words(piece)) for piece in pieces])
        return Score.ok(round(100 * float(np.average(cosines, weights=weights)), 4))


def _unit(vectors: Floats) -> Floats:
    """Rows of length 1; of a row of zeros, which has no direction, NaN."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.where(lengths > 0, lengths, np.nan)
    return unit


def _cut(encoder: Encoder, answer: str, pieces: Sequence[str]) -> str | None:
    """What of the answer the paper's mode did not read."""
    remarks = []
    if (found := answer.count(".") + 1) > PAPER_PIECES:
        remarks.append(f"only the first {PAPER_PIECES} of {found} pieces were read")
    if long := sum(encoder.cuts(piece) for piece in pieces):
        remarks.append(f"{long} of the pieces were cut to what the text tower reads")
    return "; ".join(remarks) or None
