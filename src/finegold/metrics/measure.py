"""A metric as statistics of items and a rule from their sums to a number, so that it can be resampled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from finegold.arrays import Floats

Unit = Literal["share", "points"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric over n items.

    Attributes:
        name: As papers write it: `CIDEr-D`.
        statistics: Shape (n, k); what each item adds.
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
    """The mean of one number an item."""
    column = np.asarray(values, dtype=np.float64)
    return Measure(name, np.stack([column, np.ones(len(column))], axis=1), _ratio, unit)


def _ratio(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        ratio: Floats = sums[:, 0] / sums[:, 1]
    return ratio
