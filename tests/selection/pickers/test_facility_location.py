import itertools
from collections.abc import Callable

import numpy as np
import pytest

from finegold.arrays import Floats
from finegold.clustering import knn_graph
from finegold.selection import Pool
from finegold.selection.pickers.facility_location import facility_location

MakePool = Callable[..., Pool]
RNG = np.random.default_rng(0)


def weights(pool: Pool) -> Floats:
    n = len(pool)
    assert pool.graph is not None
    middle = np.median(pool.graph.distances**2)
    similarity = np.eye(n)
    for i in range(n):
        for j, distance in zip(pool.graph.neighbours[i], pool.graph.distances[i], strict=True):
            similarity[i, j] = similarity[j, i] = np.exp(-(distance**2) / (middle or 1))
    spread = np.ptp(pool.quality)
    quality = (pool.quality - pool.quality.min()) / spread if spread else np.ones(n)
    return similarity * quality


def slow(pool: Pool, budget: int, own: float = 0.0) -> list[int]:
    worth = weights(pool)
    quality = worth.diagonal()
    chosen: list[int] = []
    for _ in range(budget):
        totals = {
            i: round(float(worth[:, [*chosen, i]].max(axis=1).sum() + own * quality[[*chosen, i]].sum()), 9)
            for i in range(len(pool))
            if i not in chosen
        }
        chosen.append(max(totals, key=lambda i: (totals[i], -i)))
    return chosen


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("levels", [None, 2])
def test_equals_its_definition(make_pool: MakePool, seed: int, levels: int | None) -> None:
    pool = make_pool(40, seed, levels=levels)
    assert facility_location(pool, 25, RNG).tolist() == slow(pool, 25)
    assert facility_location(pool, 25, RNG, own=0.3).tolist() == slow(pool, 25, own=0.3)


def test_rows_of_one_image_are_chosen_by_quality_once_it_is_covered(make_pool: MakePool) -> None:
    pool = make_pool(12, 1)
    assert pool.embeddings is not None
    same = np.zeros_like(pool.embeddings)
    twins = Pool(pool.ids, pool.quality, pool.labels, same, knn_graph(same, 5))
    best = np.argsort(-pool.quality, kind="stable")[:6]
    assert sorted(facility_location(twins, 6, RNG, own=0.1)) == sorted(best)


def test_within_the_proven_bound_of_the_best_set(make_pool: MakePool) -> None:
    pool = make_pool(12, 3)
    worth = weights(pool)
    best = max(worth[:, list(s)].max(axis=1).sum() for s in itertools.combinations(range(12), 3))
    assert worth[:, facility_location(pool, 3, RNG)].max(axis=1).sum() >= (1 - 1 / np.e) * best
