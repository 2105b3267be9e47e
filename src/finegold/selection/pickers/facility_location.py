"""Facility location: every row should have a good chosen row near it.

Greedy choice is within 1 - 1/e of the best (Nemhauser et al. 1978), and lazy evaluation makes it fast (Minoux
1978).
"""

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.selection.pickers.edges import kernel_edges, need_graph, neighbours_of, unit_quality
from finegold.selection.pickers.lazy import lazy_greedy
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool

DIGITS = 10
"""Gains are rounded, so that rows that are equal on paper tie and the lower index wins."""


@PICKERS.register("facility-location", needs={"graph"}, sees_pinned=True)
def facility_location(
    pool: Pool,
    budget: int,
    rng: np.random.Generator,  # noqa: ARG001
    *,
    gamma: float = 1.0,
    own: float = 0.0,
) -> Ints:
    """Maximise the sum over all rows i of max over chosen j of q_j · s_ij, on the neighbour graph.

    s_ij = exp(-gamma · d² / m) for neighbours, m the graph's median squared distance; s_ii = 1; 0 for all
    others. Quality is scaled to [0, 1]: a row is covered by a near row only as far as that one is good.

    To it comes `own` times the sum of the chosen rows' q_j: it decides where the images are covered already,
    as those of a dataset with several rows an image soon are. The whole stays monotone and submodular.

    Args:
        pool: Rows with a graph.
        budget: Rows to choose.
        rng: Not used.
        gamma: Width of the kernel: larger covers less far.
        own: Weight of the chosen rows' own quality, not negative.
    """
    similarity = kernel_edges(need_graph(pool), gamma)
    quality = unit_quality(pool.quality)
    covered = np.zeros(len(pool))

    def gain(row: int) -> float:
        near, weight = neighbours_of(similarity, row)
        others = np.maximum(quality[row] * weight - covered[near], 0).sum()
        here = max(quality[row] - covered[row], 0.0) + own * quality[row]
        return round(float(others + here), DIGITS)

    def gains(rows: Ints) -> Floats:
        return np.array([gain(row) for row in rows])

    def take(row: int) -> None:
        near, weight = neighbours_of(similarity, row)
        covered[near] = np.maximum(covered[near], quality[row] * weight)
        covered[row] = max(covered[row], quality[row])

    # A hair above, so that a start is a bound in spite of rounding.
    start = quality * (similarity.sum(axis=0) + 1 + own) + 10.0 ** (1 - DIGITS)
    return lazy_greedy(start, gains, take, budget, pool.pinned)
