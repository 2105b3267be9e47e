"""Means over seeds with intervals that count both what seeds and what images change.

A hierarchical percentile bootstrap (Davison and Hinkley 1997, section 3.8): each replicate draws seeds and
images with replacement. Drawing from S seeds makes their spread too small by (S - 1) / S, so deviations from
the mean over seeds are stretched by sqrt(S / (S - 1)) (Rao and Wu 1988, J. Am. Stat. Assoc. 83).
"""

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats
from finegold.report.study.findings import Interval

_CELLS = 8_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of one arm.

    Attributes:
        statistics: Shape (seeds, items, k): what each item adds.
        combine: From summed statistics, shape (m, k), to m values.
    """

    statistics: Floats
    combine: Callable[[Floats], Floats]

    @property
    def by_seed(self) -> Floats:
        """The metric of each seed, shape (seeds,)."""
        return self.combine(self.statistics.sum(axis=1))

    @property
    def value(self) -> float:
        """Mean over the seeds."""
        return float(self.by_seed.mean())


@dataclass(frozen=True, slots=True)
class Draws:
    """The images that each replicate draws: the same for every arm of a question.

    Attributes:
        groups: Image of each item, as a number.
        weights: Shape (replicates, images): how often each image is drawn.
        level: Share of the replicates inside an interval.
        seed: Of the draws of seeds.
    """

    groups: np.ndarray[tuple[int], np.dtype[np.int64]]
    weights: Floats
    level: float
    seed: int

    @classmethod
    def of(cls, images: Sequence[Hashable], *, replicates: int, level: float, seed: int = 0) -> "Draws":
        """Draw images with replacement.

        Args:
            images: The image of each item; items of one image are drawn together.
            replicates: How often.
            level: Of the intervals.
            seed: Of the draws.
        """
        numbers: dict[Hashable, int] = {}
        groups = np.array([numbers.setdefault(image, len(numbers)) for image in images], dtype=np.int64)
        count = len(numbers)
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=replicates).astype(np.float64)
        return cls(groups, weights, level, seed)

    def mean(self, arm: Measured) -> Interval:
        """An arm's mean over seeds.

        Args:
            arm: Over the items that the draws were made for.
        """
        return self._interval(arm.value, self._replicates(arm))

    def difference(self, arm: Measured, baseline: Measured) -> Interval:
        """Arm minus baseline; both see the same images in each replicate, and draw their own seeds."""
        values = self._replicates(arm) - self._replicates(baseline)
        return self._interval(arm.value - baseline.value, values)

    def _replicates(self, arm: Measured) -> Floats:
        seeds, _, width = arm.statistics.shape
        images = self.weights.shape[1]
        totals = np.zeros((images, seeds * width))
        np.add.at(totals, self.groups, arm.statistics.transpose(1, 0, 2).reshape(-1, seeds * width))
        values = np.concatenate(
            [
                arm.combine((part @ totals).reshape(-1, width)).reshape(-1, seeds)
                for part in np.array_split(self.weights, max(1, self.weights.size // _CELLS))
            ]
        )
        if seeds == 1:
            return values[:, 0]
        # Each arm draws its own seeds, and an arm that stands in two studies the same ones in both.
        content = hashlib.sha256(np.ascontiguousarray(arm.statistics).tobytes()).digest()
        rng = np.random.default_rng([self.seed, *content[:8]])
        drawn = rng.integers(0, seeds, values.shape)
        centre = values.mean(axis=1)
        moved = np.take_along_axis(values, drawn, axis=1).mean(axis=1) - centre
        stretched: Floats = centre + moved * np.sqrt(seeds / (seeds - 1))
        return stretched

    def _interval(self, value: float, replicates: Floats) -> Interval:
        if self.weights.shape[1] < 2:
            return Interval(value)
        tail = (1 - self.level) / 2
        low, high = np.quantile(replicates, [tail, 1 - tail])
        return Interval(value, float(low), float(high))
