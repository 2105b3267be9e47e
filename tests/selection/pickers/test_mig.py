from collections.abc import Callable

import numpy as np
import pytest

from finegold.selection import Pool
from finegold.selection.pickers.edges import unit_rows
from finegold.selection.pickers.mig import learn_concepts, mig

MakePool = Callable[..., Pool]


@pytest.mark.parametrize("seed", range(4))
def test_equals_plain_greedy(make_pool: MakePool, seed: int) -> None:
    pool = make_pool(60, seed)
    assert pool.embeddings is not None
    learnt = learn_concepts(unit_rows(pool.embeddings), np.random.default_rng(seed), 6, 2, 0.1)
    quality = (pool.quality - pool.quality.min()) / np.ptp(pool.quality)
    dense = np.zeros((60, 6))
    np.put_along_axis(dense, learnt.nearest, learnt.membership, axis=1)
    told = quality[:, None] * (dense @ learnt.spread)
    chosen: list[int] = []
    for _ in range(20):
        value = {
            i: round(float((told[[*chosen, i]].sum(axis=0) ** 0.8).sum()), 9)
            for i in range(60)
            if i not in chosen
        }
        chosen.append(max(value, key=lambda i: (value[i], -i)))
    fast = mig(pool, 20, np.random.default_rng(seed), concepts=6, memberships=2)
    assert fast.tolist() == chosen


def test_memberships_sum_to_one_and_the_nearest_concept_weighs_most(make_pool: MakePool) -> None:
    pool = make_pool(80)
    assert pool.embeddings is not None
    learnt = learn_concepts(unit_rows(pool.embeddings), np.random.default_rng(0), 10, 3, 0.1)
    np.testing.assert_allclose(learnt.membership.sum(axis=1), 1)
    np.testing.assert_allclose(learnt.spread.sum(axis=1), 1)
    assert (np.diff(learnt.membership, axis=1) <= 0).all()


def test_concepts_are_covered_rather_than_one_repeated() -> None:
    points = np.repeat(np.eye(4, dtype=np.float32), 25, axis=0)
    points += np.random.default_rng(0).normal(size=points.shape).astype(np.float32) / 20
    quality = np.repeat([1.0, 0.9, 0.9, 0.9], 25)
    quality[99] = 0
    pool = Pool(tuple(f"{i:03}" for i in range(100)), quality, np.zeros(100, dtype=np.int64), points)
    chosen = mig(pool, 4, np.random.default_rng(0), concepts=4, memberships=1)
    assert sorted(chosen // 25) == [0, 1, 2, 3]
