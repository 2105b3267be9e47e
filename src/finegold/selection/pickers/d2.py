"""D2 pruning: take the best row, then discount its neighbours (Maharana et al. 2023, arXiv 2310.07931)."""

import numpy as np

from finegold.arrays import Ints
from finegold.selection.pickers.edges import kernel_edges, need_graph, neighbours_of, unit_quality
from finegold.selection.pickers.lazy import lazy_greedy
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool


@PICKERS.register("d2", needs={"graph"}, sees_pinned=True)
def d2_pruning(
    pool: Pool,
    budget: int,
    rng: np.random.Generator,  # noqa: ARG001
    *,
    gamma: float = 1.0,
    gamma_reverse: float = 1.0,
) -> Ints:
    """Choose rows that are good, in good company, and far from one another.

    Forward: g_i = q_i + sum over neighbours j of e_ij · q_j, with e = exp(-gamma · d² / m) and m the graph's
        median
    squared distance. Then, again and again, the row i of highest g is taken, and its neighbours lose
    exp(-gamma_reverse · d² / m) · g_i. Quality is scaled to [0, 1] first; a row whose g has fallen to 0 or
    below takes nothing from others.

    Args:
        pool: Rows with a graph.
        budget: Rows to choose.
        rng: Not used.
        gamma: Width of the forward kernel: larger listens only to the closest.
        gamma_reverse: Width of the discount: larger discounts only the closest.
    """
    graph = need_graph(pool)
    quality = unit_quality(pool.quality)
    value = quality + kernel_edges(graph, gamma) @ quality
    discount = kernel_edges(graph, gamma_reverse)

    def take(row: int) -> None:
        near, weight = neighbours_of(discount, row)
        value[near] -= weight * max(value[row], 0.0)

    return lazy_greedy(value.copy(), lambda rows: value[rows], take, budget, pool.pinned)
