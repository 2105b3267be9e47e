"""DEITA's filter: the best first, unless one like it was taken (Liu et al. 2023, arXiv 2312.15685)."""

import numpy as np
import numpy.typing as npt

from finegold.arrays import Ints, Vectors
from finegold.selection.pickers.edges import need_embeddings, unit_rows
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool, by_quality

MARGIN = 1e-5
"""float32 products this close to the threshold are computed again in float64."""


@PICKERS.register("deita", needs={"embeddings"})
def deita(
    pool: Pool,
    budget: int,
    rng: np.random.Generator,  # noqa: ARG001
    *,
    threshold: float = 0.9,
    block: int = 1024,
) -> Ints:
    """Go through the rows from the best; take one if its cosine to every taken row is below the threshold.

    If the pool runs out before the budget is filled, the best of the rows that were passed over follow. The
    block size changes the speed and nothing else. Cost O(rows looked at x budget x d).

    Args:
        pool: Rows with embeddings.
        budget: Rows to choose.
        rng: Not used.
        threshold: Cosine from which two rows are too alike.
        block: Rows compared at once.
    """
    embeddings = need_embeddings(pool)
    ranked = by_quality(pool.quality)
    taken: list[int] = []
    passed: list[int] = []
    kept = np.empty((budget, embeddings.shape[1]), dtype=np.float32)
    for start in range(0, len(ranked), block):
        rows = ranked[start : start + block]
        units = unit_rows(embeddings[rows])
        before = len(taken)
        alike = np.zeros(len(rows), dtype=bool)
        for at in range(0, before, 16 * block):
            alike |= _alike(units, kept[at : min(at + 16 * block, before)], threshold).any(axis=1)
        inside = _alike(units, units, threshold)
        new: list[int] = []
        for i in range(len(rows)):
            if alike[i] or inside[i, new].any():
                passed.append(int(rows[i]))
                continue
            kept[len(taken)] = units[i]
            new.append(i)
            taken.append(int(rows[i]))
            if len(taken) == budget:
                return np.array(taken, dtype=np.int64)
    return np.array((taken + passed)[:budget], dtype=np.int64)


def _alike(units: Vectors, others: Vectors, threshold: float) -> npt.NDArray[np.bool_]:
    """Which of the unit rows (m, d) are too like which others (k, d); shape (m, k)."""
    cosines = units @ others.T
    alike: npt.NDArray[np.bool_] = cosines >= threshold
    close_rows, close_others = np.nonzero(np.abs(cosines - threshold) <= MARGIN)
    for start in range(0, len(close_rows), 2**14):
        i, j = close_rows[start : start + 2**14], close_others[start : start + 2**14]
        pairs = np.einsum("id,id->i", units[i], others[j], dtype=np.float64)
        alike[i, j] = pairs >= threshold
    return alike
