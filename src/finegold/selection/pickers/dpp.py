"""Greedy DPP: the set of largest determinant, good and unlike (Chen et al. 2018, arXiv 1709.05135)."""

import numpy as np

from finegold.arrays import Ints
from finegold.selection.pickers.edges import need_embeddings, unit_quality, unit_rows
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool, by_quality

NOTHING = 1e-5
"""A row whose remaining volume is below this is a copy of what was chosen, as far as float32 can tell."""


@PICKERS.register("dpp", needs={"embeddings"}, sees_pinned=True, most=2**28)
def dpp(
    pool: Pool,
    budget: int,
    rng: np.random.Generator,  # noqa: ARG001
    *,
    quality_weight: float = 2.0,
    width: float = 0.5,
) -> Ints:
    """Greedy maximum of log det of L = diag(r) S diag(r) by incremental Cholesky.

    r_i = exp(quality_weight · q_i / 2) with quality scaled to [0, 1], and S_ij = exp((cos_ij - 1) / width²):
    a Gaussian kernel of unit vectors, which has full rank where plain cosines are exhausted after d rows.
    When only copies of chosen rows are left, the best of those follow. Cost O(n · budget · (d + budget)) and
    memory O(n · budget): meant for clusters rather than a whole large pool. Of more than 2^28 rows x budget,
    a gigabyte, `select` gives it a sample.

    Args:
        pool: Rows with embeddings.
        budget: Rows to choose.
        rng: Not used.
        quality_weight: Log of how much more the best row weighs than the worst, in determinant.
        width: Width of the kernel; a smaller one sees fewer rows as alike.
    """
    units = unit_rows(need_embeddings(pool))
    log_weight = quality_weight * unit_quality(pool.quality)
    before = len(pool.pinned)
    factors = np.empty((before + budget, len(units)), dtype=np.float32)
    volume = np.ones(len(units))
    free = np.ones(len(units), dtype=bool)
    chosen: list[int] = []
    for t in range(before + budget):
        open_rows = free & (volume > NOTHING)
        if t >= before and not open_rows.any():
            rest = by_quality(np.where(free, pool.quality, -np.inf))
            chosen.extend(int(i) for i in rest[: before + budget - t])
            break
        gain = np.where(open_rows, log_weight + np.log(np.maximum(volume, NOTHING)), -np.inf)
        row = pool.pinned[t] if t < before else int(np.argmax(gain))
        chosen.append(row)
        free[row] = False
        similarity = np.exp((units @ units[row] - 1) / width**2)
        # A pinned copy of a pinned row takes no further volume from others.
        left = max(float(volume[row]), NOTHING)
        factors[t] = (similarity - factors[:t, row] @ factors[:t]) / np.sqrt(left)
        volume -= np.square(factors[t], dtype=np.float64)
    return np.array(chosen[before:], dtype=np.int64)
