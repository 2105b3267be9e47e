from collections.abc import Callable

import numpy as np
import pytest

from finegold.selection import Pool
from finegold.selection.pickers.self_filter import self_filter

MakePool = Callable[..., Pool]


def slow(pool: Pool, budget: int, gamma: float) -> list[int]:
    n = len(pool)
    assert pool.graph is not None
    assert pool.embeddings is not None
    points = pool.embeddings.astype(np.float64)
    value = (pool.quality - pool.quality.min()) / np.ptp(pool.quality)
    adjacent = np.zeros((n, n), dtype=bool)
    for i in range(n):
        adjacent[i, pool.graph.neighbours[i]] = True
    adjacent |= adjacent.T
    chosen: list[int] = []
    for _ in range(budget):
        i = max((i for i in range(n) if i not in chosen), key=lambda i: (value[i], -i))
        chosen.append(i)
        for j in np.flatnonzero(adjacent[i]):
            cosine = points[i] @ points[j] / np.linalg.norm(points[i]) / np.linalg.norm(points[j])
            value[j] -= gamma * max(value[i], 0) * max(cosine, 0) ** 2
    return chosen


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gamma", [0.3, 1.0])
def test_equals_its_definition(make_pool: MakePool, seed: int, gamma: float) -> None:
    pool = make_pool(40, seed)
    chosen = self_filter(pool, 20, np.random.default_rng(0), gamma=gamma)
    assert chosen.tolist() == slow(pool, 20, gamma)
