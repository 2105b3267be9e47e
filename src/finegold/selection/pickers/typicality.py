"""Typicality: keep the rows that have others close by (PreSel, arXiv 2503.07591)."""

import numpy as np

from finegold.arrays import Ints
from finegold.selection.pickers.edges import edge_cosines, need_embeddings, need_graph
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool, by_quality


@PICKERS.register("typicality", needs={"embeddings", "graph"})
def typicality(
    pool: Pool,
    budget: int,
    rng: np.random.Generator,  # noqa: ARG001
    *,
    neighbours: int = 5,
) -> Ints:
    """The rows of highest mean cosine to their nearest neighbours; meant for many small clusters.

    Args:
        pool: Rows with embeddings and a graph.
        budget: Rows to choose.
        rng: Not used.
        neighbours: How many count; a row that lost some to other clusters has the mean of those left, and a
            row without any comes last.
    """
    cosines = edge_cosines(need_graph(pool).first(neighbours), need_embeddings(pool))
    there = np.isfinite(cosines)
    total = np.where(there, cosines, 0).sum(axis=1)
    mean = np.where(there.any(axis=1), total / np.maximum(there.sum(axis=1), 1), -np.inf)
    return by_quality(mean)[:budget]
