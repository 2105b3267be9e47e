"""Leverage: keep the rows that the pool's leading directions depend on (ScalSelect, arXiv 2602.11636)."""

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.selection.pickers.edges import blocks, need_embeddings, unit_rows
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool, by_quality


@PICKERS.register("leverage", needs={"embeddings"})
def leverage(
    pool: Pool,
    budget: int,
    rng: np.random.Generator,  # noqa: ARG001
    *,
    energy: float = 0.9,
) -> Ints:
    """The rows of highest leverage. Outliers are among them: drop the worst rows of the pool first.

    Args:
        pool: Rows with embeddings.
        budget: Rows to choose.
        rng: Not used.
        energy: Share of the variance that the leverage counts; see `leverage_scores`.
    """
    return by_quality(leverage_scores(need_embeddings(pool), energy))[:budget]


def leverage_scores(embeddings: Vectors, energy: float = 0.9) -> Floats:
    """Squared length of each row of U_k, from the SVD of the standardised unit rows; O(n · d²).

    Args:
        embeddings: Shape (n, d).
        energy: k is the least number of singular values whose squares hold this share of the sum of squares.

    Returns:
        Shape (n,), in [0, 1], summing to k; all 0 if every row is the same.
    """
    mean = embeddings.mean(axis=0, dtype=np.float64)
    squared = np.zeros(len(mean))
    for here in blocks(embeddings):
        squared += np.square(embeddings[here] - mean).sum(axis=0)
    spread = np.sqrt(squared / max(len(embeddings), 1))
    spread = np.where(spread > 0, spread, 1)

    def standard(here: slice) -> Vectors:
        return unit_rows(((embeddings[here] - mean) / spread).astype(np.float32))

    # The Gram matrix has the squared singular values: (d, d) is small where (n, d) is not.
    gram = np.zeros((len(mean), len(mean)))
    for here in blocks(embeddings):
        rows = standard(here)
        gram += rows.T @ rows
    squares, vectors = np.linalg.eigh(gram)
    squares, vectors = np.maximum(squares[::-1], 0), vectors[:, ::-1]
    if squares[0] == 0:
        return np.zeros(len(embeddings))
    share = np.cumsum(squares) / squares.sum()
    k = min(int(np.searchsorted(share, energy - 1e-9)) + 1, int((squares > squares[0] * 1e-6).sum()))
    right = (vectors[:, :k] / np.sqrt(squares[:k])).astype(np.float32)
    scores = np.empty(len(embeddings))
    for here in blocks(embeddings):
        scores[here] = np.square(standard(here) @ right).sum(axis=1, dtype=np.float64)
    return scores
