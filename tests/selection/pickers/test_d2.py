from collections.abc import Callable

import numpy as np
import pytest

from finegold.clustering import knn_graph
from finegold.selection import Pool
from finegold.selection.pickers.d2 import d2_pruning

MakePool = Callable[..., Pool]
RNG = np.random.default_rng(0)


def slow(pool: Pool, budget: int, gamma: float, gamma_reverse: float) -> list[int]:
    n = len(pool)
    assert pool.graph is not None
    quality = (pool.quality - pool.quality.min()) / np.ptp(pool.quality)
    middle = np.median(pool.graph.distances**2)
    edge = np.full((n, n), np.nan)
    for i in range(n):
        for j, distance in zip(pool.graph.neighbours[i], pool.graph.distances[i], strict=True):
            edge[i, j] = edge[j, i] = distance**2 / middle
    value = [
        quality[i] + sum(np.exp(-gamma * edge[i, j]) * quality[j] for j in range(n) if edge[i, j] >= 0)
        for i in range(n)
    ]
    chosen: list[int] = []
    for _ in range(budget):
        i = max((i for i in range(n) if i not in chosen), key=lambda i: (value[i], -i))
        chosen.append(i)
        for j in range(n):
            if edge[i, j] >= 0:
                value[j] -= np.exp(-gamma_reverse * edge[i, j]) * max(value[i], 0)
    return chosen


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gammas", [(1.0, 1.0), (3.0, 0.2)])
def test_equals_its_definition(make_pool: MakePool, seed: int, gammas: tuple[float, float]) -> None:
    pool = make_pool(40, seed)
    chosen = d2_pruning(pool, 25, RNG, gamma=gammas[0], gamma_reverse=gammas[1])
    assert chosen.tolist() == slow(pool, 25, *gammas)


def test_one_of_each_group_before_a_second() -> None:
    points = np.repeat(np.array([[0.0], [10], [20], [30]], dtype=np.float32), 5, axis=0)
    points += np.tile(np.arange(5, dtype=np.float32) / 10, 4)[:, None]
    pool = Pool(
        tuple(f"{i:02}" for i in range(20)),
        np.tile(np.linspace(1, 2, 5), 4),
        np.zeros(20, dtype=np.int64),
        points,
        knn_graph(points, 4),
    )
    assert sorted(d2_pruning(pool, 4, RNG) // 5) == [0, 1, 2, 3]
