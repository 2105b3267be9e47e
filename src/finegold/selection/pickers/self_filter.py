"""Self-Filter's penalty: take the best row, penalise rows like it (Chen et al. 2024, arXiv 2402.12501)."""

import numpy as np

from finegold.arrays import Ints
from finegold.selection.pickers.edges import (
    cosine_edges,
    need_embeddings,
    need_graph,
    neighbours_of,
    unit_quality,
)
from finegold.selection.pickers.lazy import lazy_greedy
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool


@PICKERS.register("self-filter", needs={"embeddings", "graph"}, sees_pinned=True)
def self_filter(
    pool: Pool,
    budget: int,
    rng: np.random.Generator,  # noqa: ARG001
    *,
    gamma: float = 1.0,
) -> Ints:
    """Greedy by a value that starts as the quality; neighbours j of a chosen i lose gamma · value_i · cos².

    The paper takes a learned difficulty for the value and the ten nearest rows not yet chosen for the
    neighbours; here they are the neighbours in the graph. Quality is scaled to [0, 1] first, negative cosines
    count as 0, and a row whose value has fallen to 0 or below penalises nobody.

    Args:
        pool: Rows with embeddings and a graph.
        budget: Rows to choose.
        rng: Not used.
        gamma: Strength of the penalty.
    """
    edges = cosine_edges(need_graph(pool), need_embeddings(pool))
    value = unit_quality(pool.quality)

    def take(row: int) -> None:
        near, cosine = neighbours_of(edges, row)
        value[near] -= gamma * max(value[row], 0.0) * np.square(cosine)

    return lazy_greedy(value.copy(), lambda rows: value[rows], take, budget, pool.pinned)
