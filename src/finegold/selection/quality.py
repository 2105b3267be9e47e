"""Turn normalised indicators into one number a row."""

import numpy as np

from finegold.arrays import Floats
from finegold.errors import ConfigError
from finegold.selection.plugins import QUALITIES


@QUALITIES.register("weighted-sum")
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


@QUALITIES.register("product")
def product(columns: Floats, weights: Floats) -> Floats:
    """Multiply the indicators, each to the power of its weight: a row must be good in all of them.

    An indicator of 0 or less makes the quality 0. Where an indicator does not apply to a row, the powers of
    the row's other indicators are raised in proportion, so that they sum to the same.

    Args:
        columns: Shape (n, m), comparable, NaN where an indicator does not apply.
        weights: Shape (m,), not negative; an indicator of weight 0 does not count.

    Returns:
        Shape (n,); NaN for a row to which no indicator with a weight applies.

    Raises:
        ConfigError: If a weight is negative.
    """
    if (weights < 0).any():
        raise ConfigError(
            "a weight is negative and the preset multiplies indicators; give weights of 0 or more"
        )
    used = weights != 0
    columns, weights = columns[:, used], weights[used]
    present = np.isfinite(columns)
    there = present @ weights
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(present, np.log(np.maximum(columns, 0)) * weights, 0.0).sum(axis=1)
        quality: Floats = np.where(there > 0, np.exp(logs * (weights.sum() / there)), np.nan)
    return quality


@QUALITIES.register("learned", needs={"pairs"})
@QUALITIES.register("mm-lima", needs={"selector"})
def from_file(columns: Floats, weights: Floats) -> Floats:
    """Stand for a quality that is computed from a file before the selection, and comes with its inputs.

    Raises:
        ConfigError: Always, since only that file gives the numbers.
    """
    del columns, weights
    raise ConfigError("this quality is computed from a file, and the user named none")
