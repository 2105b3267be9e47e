"""k-center: take the row farthest from all taken (Gonzalez 1985; Sener & Savarese, arXiv 1708.00489)."""

import numpy as np

from finegold.arrays import Ints
from finegold.selection.pickers.edges import need_embeddings
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool, by_quality


@PICKERS.register("k-center", needs={"embeddings"}, sees_pinned=True, most=2**31)
def k_center(pool: Pool, budget: int, rng: np.random.Generator) -> Ints:  # noqa: ARG001
    """Start with the best row, then always add the row whose nearest chosen row is farthest (Euclidean).

    Pinned rows are chosen before that; with any, the first row too is the one farthest from them.

    At most twice the best possible covering radius. Outliers are the first to go in: leave the worst rows out
    of the pool first. Cost O(n · budget · d): meant for clusters rather than a whole large pool. Of
    more than 2^31 rows x budget `select` gives it a sample.
    """
    points = need_embeddings(pool)
    points = points - points.mean(axis=0, dtype=np.float64).astype(np.float32)
    squares = np.einsum("id,id->i", points, points)
    nearest = np.full(len(points), np.inf, dtype=np.float32)
    chosen = np.empty(budget, dtype=np.int64)

    def take(row: int) -> None:
        distance = squares + squares[row] - 2 * (points @ points[row])
        np.minimum(nearest, np.maximum(distance, 0), out=nearest)
        # Below every distance, so that a duplicate of a chosen row still comes before the row itself.
        nearest[row] = -1

    for row in pool.pinned:
        take(row)
    for t in range(budget):
        first = t == 0 and not pool.pinned
        chosen[t] = by_quality(pool.quality)[0] if first else np.argmax(nearest)
        take(int(chosen[t]))
    return chosen
