"""PRISM: keep the rows that are least like all the others (arXiv 2502.12119)."""

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.selection.pickers.edges import blocks, need_embeddings, unit_rows
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool, by_quality


@PICKERS.register("prism", needs={"embeddings"})
def prism(pool: Pool, budget: int, rng: np.random.Generator) -> Ints:  # noqa: ARG001
    """The rows of lowest redundancy. Outliers are among them: drop the worst rows of the pool first."""
    return by_quality(-redundancy(need_embeddings(pool)))[:budget]


def redundancy(embeddings: Vectors) -> Floats:
    """Mean cosine of each centred row with all others, exactly and in O(n · d).

    u_i = (x_i - mean) / |x_i - mean|;  R_i = (u_i · sum_j u_j - u_i · u_i) / (n - 1).

    Args:
        embeddings: Shape (n, d).

    Returns:
        Shape (n,), in [-1, 1]; 0 for a row that equals the mean, and for a row alone.
    """
    mean = embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
    total = np.zeros(embeddings.shape[1])
    for here in blocks(embeddings):
        total += unit_rows(embeddings[here] - mean).sum(axis=0, dtype=np.float64)
    result = np.empty(len(embeddings))
    for here in blocks(embeddings):
        units = unit_rows(embeddings[here] - mean).astype(np.float64)
        result[here] = units @ total - np.einsum("id,id->i", units, units)
    return result / max(len(embeddings) - 1, 1)
