"""Turn normalised indicators into one number a row."""

import numpy as np

from finegold.arrays import Floats


def weighted_sum(columns: Floats, weights: Floats) -> Floats:
    """Sum the indicators by weight: the linear quality of InstructionGPT-4 (arXiv 2308.12067).

    Where an indicator does not apply to a row, its weight is spread over the row's other indicators in
    proportion to their own: q = (sum of w·x over those present) · (sum of |w|) / (sum of |w| over those
    present).

    Args:
        columns: Shape (n, m), normalised, NaN where an indicator does not apply.
        weights: Shape (m,); a negative weight prefers low values, an indicator of weight 0 does not count.

    Returns:
        Shape (n,); NaN for a row to which no indicator with a weight applies.
    """
    used = weights != 0
    columns, weights = columns[:, used], weights[used]
    present = np.isfinite(columns)
    size = np.abs(weights)
    there = present @ size
    total = np.where(present, columns * weights, 0.0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        quality: Floats = np.where(there > 0, total * (size.sum() / there), np.nan)
    return quality
