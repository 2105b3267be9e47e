"""Basic measures of images and texts, for conditions (`--where`), exports and reports.

No preset reads them. Those of images are of the first image, as it is shown: upright, in RGB. The language of
an answer is the attribute `language`, which conditions and groups read. The share of text in an image is not
measured: no light library gives it.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from finegold.samples import Pair, Sample
from finegold.samples.words import count_words_and_marks
from finegold.scorers.base import (
    NO_IMAGE,
    Batch,
    Context,
    Score,
    ScoreBatch,
    Scorer,
    no_answer,
    score_pairs,
)
from finegold.scorers.registry import SCORERS

LONGEST_SIDE = 512
"""Pixels to which a larger image is made smaller before its sharpness is measured, so that sizes compare."""


class ImageMeasure(Scorer):
    """A number of the first image; rows without one are skipped."""

    version = "1"
    requires = frozenset({"image"})

    def prepare(self, context: Context) -> ScoreBatch:
        """Nothing to load."""
        return self._scores

    def _scores(self, batch: Batch) -> list[Score]:
        assert batch.images is not None
        return [
            Score.skipped(NO_IMAGE) if one is None else Score.ok(self.measure(one)) for one in batch.images
        ]

    @abstractmethod
    def measure(self, image: Image.Image) -> float:
        """The number of an RGB image."""


@SCORERS.register("width")
@dataclass(frozen=True)
class Width(ImageMeasure):
    """Width of the first image."""

    name = "width"
    label = "Image width"
    value_unit = "pixels"

    def measure(self, image: Image.Image) -> float:
        """Columns of pixels."""
        return image.width


@SCORERS.register("height")
@dataclass(frozen=True)
class Height(ImageMeasure):
    """Height of the first image."""

    name = "height"
    label = "Image height"
    value_unit = "pixels"

    def measure(self, image: Image.Image) -> float:
        """Rows of pixels."""
        return image.height


@SCORERS.register("aspect")
@dataclass(frozen=True)
class Aspect(ImageMeasure):
    """Longer side of the first image divided by the shorter: 1 is a square, 5 a strip."""

    name = "aspect"
    label = "Aspect ratio"

    def measure(self, image: Image.Image) -> float:
        """1 and up."""
        return max(image.size) / min(image.size)


@SCORERS.register("brightness")
@dataclass(frozen=True)
class Brightness(ImageMeasure):
    """Mean luma of the first image (ITU-R 601): 0 is black, 1 is white."""

    name = "brightness"
    label = "Brightness"

    def measure(self, image: Image.Image) -> float:
        """0 to 1."""
        return round(float(np.asarray(image.convert("L"), dtype=np.float64).mean()) / 255, 6)


@SCORERS.register("sharpness")
@dataclass(frozen=True)
class Sharpness(ImageMeasure):
    """Variance of the Laplacian of the luma (Pech-Pacheco et al. 2000); low is blurred, 0 is one colour.

    An image whose longer side has more than 512 pixels is made smaller first.
    """

    name = "sharpness"
    label = "Sharpness"

    def measure(self, image: Image.Image) -> float:
        """0 and up; 0 too for an image of fewer than 3 pixels a side."""
        grey = image.convert("L")
        grey.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        luma = np.asarray(grey, dtype=np.float64)
        if min(luma.shape) < 3:
            return 0.0
        inner = luma[1:-1, 1:-1]
        beside = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
        laplacian = beside - 4 * inner
        return round(float(laplacian.var()), 6)


@SCORERS.register("entropy")
@dataclass(frozen=True)
class Entropy(ImageMeasure):
    """Shannon entropy of the 256 values of luma of the first image: 0 is one colour, 8 the most."""

    name = "entropy"
    label = "Entropy"
    value_unit = "bits"

    def measure(self, image: Image.Image) -> float:
        """0 to 8."""
        return round(abs(image.convert("L").entropy()), 6)


class TextMeasure(Scorer):
    """A number of the texts of a row."""

    version = "1"
    requires = frozenset({"answer"})

    def prepare(self, context: Context) -> ScoreBatch:
        """Nothing to load."""
        return lambda batch: [self.measure(sample) for sample in batch.samples]

    @abstractmethod
    def measure(self, sample: Sample) -> Score:
        """The number of a row."""


@SCORERS.register("turns")
@dataclass(frozen=True)
class Turns(TextMeasure):
    """Number of turns of the user and the assistant."""

    name = "turns"
    label = "Turns"

    def measure(self, sample: Sample) -> Score:
        """1 and up."""
        return Score.ok(sum(turn.role in ("user", "assistant") for turn in sample.turns))


@SCORERS.register("words")
@dataclass(frozen=True)
class Words(TextMeasure):
    """Words and punctuation marks of all answers together, in any language."""

    name = "words"
    by_turn = True
    label = "Words"

    def measure(self, sample: Sample) -> Score:
        """1 and up, the sum over the turns; a row without an answer is skipped."""
        return score_pairs([sample], _count_words, "sum", no_answer)[0]


def _count_words(pairs: Sequence[Pair]) -> list[Score]:
    return [Score.ok(count_words_and_marks(pair.answer)) for pair in pairs]
