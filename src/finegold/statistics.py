"""Numbers with their intervals: exact ones, Student's t, and bootstraps over images, or images and seeds.

A metric is held as what each item adds to a few sums, and a rule from the sums to a number. A bootstrap then
draws images and needs weighted sums only. Questions about one image share what makes it hard, so an image is
drawn with all its items: drawing questions one by one would make intervals too narrow (Efron 1979).
"""

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.errors import DataError

Unit = Literal["share", "points"]
_IMAGE_CELLS, _SEED_CELLS = 4_000_000, 8_000_000
"""Weights multiplied at once: 32 and 64 MB."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its interval.

    Attributes:
        value: The number, over everything that was measured.
        low: Lower end of the interval; None if there is too little data for one.
        high: Upper end of the interval; None together with `low`.
        n: Number of images, questions, verdicts or seeds that were drawn or counted.
        method: How the interval was made; empty without an interval.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    method: str = ""

    @property
    def ends(self) -> tuple[float, float] | None:
        """Lower and upper end, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def times(self, factor: float) -> "Estimate":
        """The estimate of `factor` times the number."""
        low, high = sorted(factor * end for end in self.ends) if self.ends else (None, None)
        return replace(self, value=factor * self.value, low=low, high=high)


def student_t(values: Sequence[float]) -> Estimate:
    """Student's t interval of a mean (95%); one value, or equal values, have an interval of width 0."""
    array = np.asarray(values, dtype=np.float64)
    mean, n, method = float(array.mean()), len(array), "95% Student's t"
    if n < 2 or np.ptp(array) == 0:
        return Estimate(mean, mean, mean, n, method)
    from scipy.stats import t

    half = float(t.ppf(0.975, n - 1) * array.std(ddof=1) / np.sqrt(n))
    return Estimate(mean, mean - half, mean + half, n, method)


def normal(value: float, standard_error: float, n: int, level: float) -> Estimate:
    """A number with the normal interval of its standard error; without one if the error is not a number."""
    if not np.isfinite(standard_error):
        return Estimate(value, n=n)
    from scipy.stats import norm

    half = float(norm.ppf((1 + level) / 2)) * standard_error
    return Estimate(value, value - half, value + half, n, f"{level * 100:g}% normal, of standard errors")


def proportion(successes: int, n: int) -> Estimate | None:
    """A share with its exact binomial interval (95%, Clopper and Pearson 1934); None without a case."""
    if n == 0:
        return None
    from scipy.stats import binomtest

    found = binomtest(successes, n).proportion_ci(0.95, method="exact")
    return Estimate(successes / n, float(found.low), float(found.high), n, "95% exact binomial")


def net_wins(wins: int, ties: int, losses: int, *, seed: int, resamples: int = 10_000) -> Estimate | None:
    """(wins - losses) / n with a percentile bootstrap interval (95%) over questions; None without a question.

    Resampling n questions with replacement is drawing the three counts from a multinomial.
    """
    n = wins + ties + losses
    if n == 0:
        return None
    drawn = np.random.default_rng(seed).multinomial(n, [wins / n, ties / n, losses / n], resamples)
    low, high = np.percentile((drawn[:, 0] - drawn[:, 2]) / n, [2.5, 97.5])
    return Estimate((wins - losses) / n, float(low), float(high), n, _bootstrap(0.95, resamples, "questions"))


def sign_test(wins: int, losses: int) -> float | None:
    """Exact two-sided p of wins against losses under a fair coin, without the ties; None without either."""
    if wins + losses == 0:
        return None
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue)


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric over n items.

    Attributes:
        name: Name as papers write it: `CIDEr-D`.
        statistics: What each item adds, shape (n, k).
        combine: From summed statistics, shape (m, k), to m values.
        unit: `share` for values in [0, 1], `points` for CIDEr's 0 to 10. Papers print both times 100.
    """

    name: str
    statistics: Floats
    combine: Callable[[Floats], Floats]
    unit: Unit = "share"

    @property
    def value(self) -> float:
        """The metric over all items; NaN without any."""
        return float(self.combine(self.statistics.sum(axis=0, keepdims=True))[0])


def mean_measure(name: str, values: Sequence[float] | Floats, unit: Unit = "share") -> Measure:
    """The mean of one number for each item."""
    column = np.asarray(values, dtype=np.float64)
    return Measure(name, np.stack([column, np.ones(len(column))], axis=1), ratio, unit)


def share_measure(name: str, right: Sequence[bool], of: Sequence[bool]) -> Measure:
    """The share of right ones among some of the items; NaN for a draw of images that has none of them."""
    return Measure(name, np.array([right, of], np.float64).T, ratio)


def ratio(sums: Floats) -> Floats:
    """The first of two summed statistics over the second, shape (m,); NaN where both are 0."""
    with np.errstate(invalid="ignore"):
        found: Floats = sums[:, 0] / sums[:, 1]
    return found


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How images are drawn for the percentile bootstrap.

    Attributes:
        replicates: Number of resamples.
        seed: Seed of the draws; equal seeds draw equal images for equal numbers of them.
        level: Share of the replicates inside the interval.
    """

    replicates: int = 1000
    seed: int = 0
    level: float = 0.95


def bootstrap_estimate(measure: Measure, images: Sequence[Hashable], bootstrap: Bootstrap) -> Estimate:
    """A metric over n > 0 items with its interval over the images of these items."""
    groups, count = _groups(images)
    totals = _group_sums(measure.statistics, groups, count)
    return _over_images(measure.value, count, bootstrap, lambda weights: measure.combine(weights @ totals))


def paired_difference(
    first: Measure, second: Measure, images: Sequence[Hashable], bootstrap: Bootstrap
) -> Estimate:
    """Second minus first of one metric over the same n > 0 items, with its interval over their images.

    Both see the same draws.

    Raises:
        DataError: If the two are not the same metric over equally many items.
    """
    if first.name != second.name or len(first.statistics) != len(second.statistics):
        raise DataError(
            f"{first.name} over {len(first.statistics)} items and {second.name} over "
            f"{len(second.statistics)} cannot be paired: compare one metric over the same items"
        )
    groups, count = _groups(images)
    one, two = (_group_sums(measure.statistics, groups, count) for measure in (first, second))

    def change(weights: Floats) -> Floats:
        return second.combine(weights @ two) - first.combine(weights @ one)

    return _over_images(second.value - first.value, count, bootstrap, change)


def _over_images(
    value: float, count: int, bootstrap: Bootstrap, replicate: Callable[[Floats], Floats]
) -> Estimate:
    if count < 2:
        return Estimate(value, n=count)
    rng = np.random.default_rng(bootstrap.seed)
    step = max(1, _IMAGE_CELLS // count)
    values = []
    for start in range(0, bootstrap.replicates, step):
        size = min(step, bootstrap.replicates - start)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=size)
        values.append(replicate(weights.astype(np.float64)))
    method = _bootstrap(bootstrap.level, bootstrap.replicates, "images")
    return percentile_estimate(value, np.concatenate(values), bootstrap.level, count, method)


@dataclass(frozen=True, slots=True)
class SeedMeasure:
    """One metric of several runs that differ in their seed, over the same items.

    Attributes:
        statistics: What each item adds, shape (seeds, items, k).
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
        """The mean over the seeds."""
        return float(self.by_seed.mean())


@dataclass(frozen=True, slots=True)
class HierarchicalBootstrap:
    """Intervals of means over seeds that count both what seeds and what images change.

    Each replicate draws seeds and images with replacement (Davison and Hinkley 1997, section 3.8). Drawing
    from S seeds makes their spread too small by (S - 1) / S, so deviations from the mean over seeds are
    stretched by sqrt(S / (S - 1)) (Rao and Wu 1988, J. Am. Stat. Assoc. 83). All arms of a study see the same
    images.

    Attributes:
        groups: Image of each item, as a number, shape (items,).
        weights: How often each replicate draws each image, shape (replicates, images).
        level: Share of the replicates inside an interval.
        seed: Seed of the draws.
    """

    groups: Ints
    weights: Floats
    level: float
    seed: int

    @classmethod
    def of(
        cls, images: Sequence[Hashable], *, replicates: int, level: float, seed: int = 0
    ) -> "HierarchicalBootstrap":
        """Draw the images of every replicate; all items of an image are drawn together."""
        groups, count = _groups(images)
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=replicates).astype(np.float64)
        return cls(groups, weights, level, seed)

    def mean(self, arm: SeedMeasure) -> Estimate:
        """An arm's mean over seeds, over the items that the images were drawn for."""
        return self._estimate(arm.value, self.replicates(arm))

    def difference(self, arm: SeedMeasure, baseline: SeedMeasure) -> Estimate:
        """Arm minus baseline; both see the same images in each replicate, and each draws its seeds."""
        values = self.replicates(arm) - self.replicates(baseline)
        return self._estimate(arm.value - baseline.value, values)

    def replicates(self, arm: SeedMeasure) -> Floats:
        """The arm's mean over seeds in every replicate, shape (replicates,)."""
        seeds, _, width = arm.statistics.shape
        by_item = arm.statistics.transpose(1, 0, 2).reshape(-1, seeds * width)
        totals = _group_sums(by_item, self.groups, self.weights.shape[1])
        values = np.concatenate(
            [
                arm.combine((part @ totals).reshape(-1, width)).reshape(-1, seeds)
                for part in np.array_split(self.weights, max(1, self.weights.size // _SEED_CELLS))
            ]
        )
        if seeds == 1:
            return values[:, 0]
        # Each arm draws its seeds by its content, so that an arm draws the same ones in every study.
        content = hashlib.sha256(np.ascontiguousarray(arm.statistics).tobytes()).digest()
        rng = np.random.default_rng([self.seed, *content[:8]])
        drawn = rng.integers(0, seeds, values.shape)
        centre = values.mean(axis=1)
        moved = np.take_along_axis(values, drawn, axis=1).mean(axis=1) - centre
        stretched: Floats = centre + moved * np.sqrt(seeds / (seeds - 1))
        return stretched

    def _estimate(self, value: float, values: Floats) -> Estimate:
        replicates, images = self.weights.shape
        if images < 2:
            return Estimate(value, n=images)
        method = _bootstrap(self.level, replicates, "seeds and images")
        return percentile_estimate(value, values, self.level, images, method)


def _bootstrap(level: float, draws: int, of: str) -> str:
    return f"{level * 100:g}% percentile bootstrap, {draws:,} draws of {of}"


def _groups(images: Sequence[Hashable]) -> tuple[Ints, int]:
    """Labels 0, 1, ... in order of appearance, and their number."""
    numbers: dict[Hashable, int] = {}
    labels = [numbers.setdefault(image, len(numbers)) for image in images]
    return np.asarray(labels, dtype=np.int64), len(numbers)


def _group_sums(statistics: Floats, groups: Ints, count: int) -> Floats:
    totals = np.zeros((count, statistics.shape[1]))
    np.add.at(totals, groups, statistics)
    return totals


def percentile_estimate(value: float, values: Floats, level: float, n: int, method: str) -> Estimate:
    """A value with the percentile interval of its bootstrap replicates."""
    tail = (1 - level) / 2
    values = values[np.isfinite(values)]  # a share of some items is undefined where none of them is drawn
    if not len(values):
        return Estimate(value, n=n)
    low, high = np.quantile(values, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), n, method)
