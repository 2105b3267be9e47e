from collections.abc import Callable

import numpy as np
import pytest

from finegold.selection import Pool
from finegold.selection.pickers.leverage import leverage, leverage_scores

MakePool = Callable[..., Pool]


@pytest.mark.parametrize("energy", [0.5, 0.9, 1.0])
def test_scores_are_squared_rows_of_the_left_singular_vectors(make_pool: MakePool, energy: float) -> None:
    pool = make_pool(50, 2, d=8)
    assert pool.embeddings is not None
    points = pool.embeddings.astype(np.float64)
    standard = (points - points.mean(axis=0)) / points.std(axis=0)
    rows = standard / np.linalg.norm(standard, axis=1, keepdims=True)
    left, values, _ = np.linalg.svd(rows, full_matrices=False)
    share = np.cumsum(values**2) / (values**2).sum()
    k = int(np.argmax(share >= energy - 1e-9)) + 1
    slow = (left[:, :k] ** 2).sum(axis=1)
    np.testing.assert_allclose(leverage_scores(pool.embeddings, energy), slow, atol=1e-4)
    chosen = leverage(pool, 10, np.random.default_rng(0), energy=energy)
    assert chosen.tolist() == np.argsort(-slow)[:10].tolist()


def test_equal_rows_have_none() -> None:
    assert leverage_scores(np.ones((4, 3), dtype=np.float32)).tolist() == [0, 0, 0, 0]
