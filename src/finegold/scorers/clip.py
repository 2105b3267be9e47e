"""CLIP score: how well the answer's sentences fit the image (after Hessel et al. 2021, arXiv 2104.08718)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from finegold.arrays import Floats
from finegold.encoders import Encoder
from finegold.errors import ConfigError, did_you_mean
from finegold.samples import Pair, Sample
from finegold.samples.words import count_words_and_marks
from finegold.scorers.base import Context, Score, ScoreBatch
from finegold.scorers.image_text import ImageTextScorer
from finegold.scorers.registry import SCORERS

Mode = Literal["paper", "whole"]
PAPER_PIECES = 10


@SCORERS.register("clip")
@dataclass(frozen=True)
class Clip(ImageTextScorer):
    """100 times the mean cosine between the image and the pieces of the answer; about -100 to 100.

    A sample with several images is scored against their mean embedding; one without an image is skipped. A
    row with several turns has the mean of its answers.

    Attributes:
        mode: `paper` as the released code of InstructionGPT-4 (arXiv 2308.12067) does: the answer split on
            ".", first ten pieces, the empty one after the last full stop among them, plain mean, 4 decimals;
            a piece beyond the text tower's length is cut. `whole`: all of the answer in windows that the
            tower reads whole, weighted by their words and punctuation marks.
    """

    name = "clip"
    version = "2"
    label = "CLIP score"
    fold_rule = "mean"

    mode: Mode = "paper"

    def __post_init__(self) -> None:
        """Refuse an unknown mode."""
        if self.mode not in get_args(Mode):
            hint = did_you_mean(self.mode, get_args(Mode))
            raise ConfigError(
                f"clip has no mode '{self.mode}'{hint}: give one of {', '.join(get_args(Mode))}"
            )

    def prepare(self, context: Context) -> ScoreBatch:
        """Load the encoder."""
        encoder = context.encoder(self.encoder, self.dtype)

        def score(_: Sample, pair: Pair, pieces: Sequence[str], image: Floats, texts: Floats) -> Score:
            cosines = _unit(texts) @ _unit(image[None])[0]
            if self.mode == "paper":
                return Score.ok(round(100 * float(cosines.mean()), 4), _cut(encoder, pair.answer, pieces))
            weights = np.array([max(1, count_words_and_marks(piece)) for piece in pieces])
            return Score.ok(round(100 * float(np.average(cosines, weights=weights)), 4))

        return self.score_pieces(context, score)

    def pieces(self, encoder: Encoder, pair: Pair) -> list[str]:
        """Pieces between full stops, or windows of the text tower."""
        if self.mode == "paper":
            return pair.answer.split(".")[:PAPER_PIECES]
        return encoder.windows(pair.answer)


def _unit(vectors: Floats) -> Floats:
    """Rows scaled to length 1; a row of zeros, which has no direction, becomes NaN."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.where(lengths > 0, lengths, np.nan)
    return unit


def _cut(encoder: Encoder, answer: str, pieces: Sequence[str]) -> str | None:
    """The part of the answer that the paper's mode did not read, as a remark."""
    remarks = []
    if (found := answer.count(".") + 1) > PAPER_PIECES:
        remarks.append(f"only the first {PAPER_PIECES} of {found} pieces were read")
    if long := sum(encoder.cuts(piece) for piece in pieces):
        remarks.append(f"{long} of the pieces were cut to what the text tower reads")
    return "; ".join(remarks) or None
