"""Make indicator columns comparable. NaN, an indicator that does not apply to the row, stays NaN."""

from collections.abc import Callable

import numpy as np

from finegold.arrays import Floats
from finegold.selection.plugins import NORMALISERS


@NORMALISERS.register("none")
def none(columns: Floats) -> Floats:
    """Leave the numbers as they are."""
    return columns.copy()


@NORMALISERS.register("minmax")
def minmax(columns: Floats) -> Floats:
    """Scale each column to [0, 1] between its smallest and largest value; a constant column becomes 0."""
    return _each(columns, lambda values: (values - values.min()) / (values.max() - values.min()))


@NORMALISERS.register("zscore")
def zscore(columns: Floats) -> Floats:
    """Shift each column to mean 0 and scale it to (population) deviation 1; a constant column becomes 0."""
    return _each(columns, lambda values: (values - values.mean()) / values.std())


@NORMALISERS.register("rank")
def rank(columns: Floats) -> Floats:
    """Replace values by their rank, scaled to [0, 1]; equal values share the mean of their ranks.

    The lowest of n values becomes 0 and the highest 1; a constant column becomes 0. Outliers lose their pull.
    """
    return _each(columns, _ranks)


def _each(columns: Floats, function: Callable[[Floats], Floats]) -> Floats:
    result = np.full(columns.shape, np.nan)
    for j in range(columns.shape[1]):
        present = np.isfinite(columns[:, j])
        values = columns[present, j]
        if len(values):
            constant = values.min() == values.max()
            result[present, j] = 0.0 if constant else function(values)
    return result


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    result: Floats = (below + (counts - 1) / 2)[inverse] / (len(values) - 1)
    return result
