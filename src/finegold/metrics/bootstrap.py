"""Percentile bootstrap intervals (Efron 1979): images are drawn with replacement, with all their items.

Questions about one image share what makes it hard, so drawing questions one by one would make intervals too
narrow.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.errors import DataError
from finegold.metrics.measure import Measure

_CELLS = 4_000_000
"""Weights held at once: 32 MB."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are drawn.

    Attributes:
        replicates: Resamples.
        seed: Of the draws; equal seeds draw equal images for equal numbers of them.
        level: Share of the replicates inside the interval.
    """

    replicates: int = 1000
    seed: int = 0
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its interval.

    Attributes:
        value: Over all items.
        low: Lower end of the interval; None where fewer than two images leave nothing to draw.
        high: Upper end.
        items: Number of items.
        images: Number of images, which is what was resampled.
    """

    value: float
    low: float | None
    high: float | None
    items: int
    images: int


def estimate(measure: Measure, images: Sequence[Hashable], bootstrap: Bootstrap) -> Estimate:
    """A metric with its interval.

    Args:
        measure: Over n items, n > 0.
        images: The image of each item.
        bootstrap: Draws.
    """
    groups, count = _groups(images)
    totals = _by_group(measure.statistics, groups, count)
    draws = _replicates(count, bootstrap, lambda weights: measure.combine(weights @ totals))
    return _estimate(measure.value, draws, bootstrap, len(groups), count)


def paired_difference(
    first: Measure, second: Measure, images: Sequence[Hashable], bootstrap: Bootstrap
) -> Estimate:
    """Second minus first over the same items, with its interval; both see the same draws.

    Args:
        first: Over n items, n > 0.
        second: The same metric over the same items of another model.
        images: The image of each item.
        bootstrap: Draws.

    Raises:
        DataError: If the two are not the same metric over equally many items.
    """
    if first.name != second.name or len(first.statistics) != len(second.statistics):
        raise DataError(
            f"{first.name} over {len(first.statistics)} items and {second.name} over "
            f"{len(second.statistics)} cannot be paired: compare one metric over the same items"
        )
    groups, count = _groups(images)
    one = _by_group(first.statistics, groups, count)
    two = _by_group(second.statistics, groups, count)
    draws = _replicates(
        count, bootstrap, lambda weights: second.combine(weights @ two) - first.combine(weights @ one)
    )
    return _estimate(second.value - first.value, draws, bootstrap, len(groups), count)


def _groups(images: Sequence[Hashable]) -> tuple[Ints, int]:
    """Labels 0, 1, ... in order of appearance, and their number."""
    numbers: dict[Hashable, int] = {}
    labels = [numbers.setdefault(image, len(numbers)) for image in images]
    return np.asarray(labels, dtype=np.int64), len(numbers)


def _by_group(statistics: Floats, groups: Ints, count: int) -> Floats:
    totals = np.zeros((count, statistics.shape[1]))
    np.add.at(totals, groups, statistics)
    return totals


def _replicates(count: int, bootstrap: Bootstrap, value: Callable[[Floats], Floats]) -> Floats:
    if count < 2:
        return np.empty(0)
    rng = np.random.default_rng(bootstrap.seed)
    step = max(1, _CELLS // count)
    parts = []
    for start in range(0, bootstrap.replicates, step):
        size = min(step, bootstrap.replicates - start)
        parts.append(value(rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)))
    return np.concatenate(parts)


def _estimate(value: float, draws: Floats, bootstrap: Bootstrap, items: int, images: int) -> Estimate:
    if not len(draws):
        return Estimate(value, None, None, items, images)
    tail = (1 - bootstrap.level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), items, images)
