import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.arrays import Ints
from finegold.selection import ALLOCATORS, Pool
from finegold.selection.shares import share_out

PUBLISHED_SIZES = [1234, 880, 325, 300, 286, 177, 85, 80, 59, 13]
PUBLISHED_QUOTAS = [73, 52, 19, 17, 16, 10, 5, 4, 3, 1]


def pool_of(sizes: list[int], seed: int = 0) -> Pool:
    labels = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    random = np.random.default_rng(seed)
    quality = random.normal(size=len(labels))
    points = random.normal(size=(len(labels), 3)).astype(np.float32)
    return Pool(tuple(f"{i:05}" for i in range(len(labels))), quality, labels, points)


def slow_floor(pool: Pool, budget: int) -> Ints:
    n = len(pool)
    sizes = pool.sizes()
    for alpha in itertools.count(budget):
        offers = [min(int(s), max(1, alpha * int(s) // n)) if s else 0 for s in sizes]
        if sum(offers) >= budget:
            break
    rows = sorted(range(n), key=lambda i: (-pool.quality[i], i))
    offered = []
    for i in rows:
        if offers[pool.labels[i]] > 0:
            offers[pool.labels[i]] -= 1
            offered.append(i)
    return np.bincount(pool.labels[offered[:budget]], minlength=len(sizes))


def test_the_floor_gives_the_published_quotas() -> None:
    assert ALLOCATORS["floor"](pool_of(PUBLISHED_SIZES), 200).tolist() == PUBLISHED_QUOTAS


SIZES = st.lists(st.integers(0, 25), min_size=1, max_size=8).filter(lambda sizes: sum(sizes) > 0)


@given(SIZES, st.floats(0, 1), st.integers(0, 99), st.sampled_from([-1, 2, 0.5]))
def test_the_floor_equals_its_definition(sizes: list[int], share: float, seed: int, tie: float) -> None:
    while sizes[-1] == 0:
        sizes = sizes[:-1]
    pool = pool_of(sizes, seed)
    pool.quality[:] = np.round(pool.quality, 0 if tie == 0.5 else 6)
    budget = max(1, int(share * len(pool)))
    np.testing.assert_array_equal(ALLOCATORS["floor"](pool, budget), slow_floor(pool, budget))


@pytest.mark.parametrize("name", sorted(ALLOCATORS))
@given(sizes=SIZES, share=st.floats(0, 1), seed=st.integers(0, 99))
def test_quotas_sum_to_the_budget_and_fit_their_parts(
    name: str, sizes: list[int], share: float, seed: int
) -> None:
    pool = pool_of(sizes, seed)
    budget = round(share * len(pool))
    quotas = ALLOCATORS[name](pool, budget)
    assert quotas.sum() == budget
    assert (quotas >= 0).all()
    assert (quotas <= pool.sizes()).all()


def test_largest_remainder_is_hamiltons_method() -> None:
    assert ALLOCATORS["largest-remainder"](pool_of([47, 16, 15, 12, 6, 4]), 10).tolist() == [5, 2, 1, 1, 1, 0]


def test_equal_passes_on_what_small_parts_cannot_use() -> None:
    assert ALLOCATORS["equal"](pool_of([50, 2, 50, 50]), 32).tolist() == [10, 2, 10, 10]


def test_square_root_lies_between() -> None:
    assert ALLOCATORS["square-root"](pool_of([100, 25]), 15).tolist() == [10, 5]


def test_smallest_first_leaves_odd_rows_to_the_largest() -> None:
    assert ALLOCATORS["smallest-first"](pool_of([50, 2, 40, 60]), 33).tolist() == [10, 2, 10, 11]


def test_clusters_plus_best() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    quality = np.array([5.0, 4, 3, 1, 0, 2])
    pool = Pool(tuple("abcdef"), quality, labels)
    assert ALLOCATORS["clusters-plus-best"](pool, 4).tolist() == [2, 1, 1]
    assert ALLOCATORS["clusters-plus-best"](pool, 2).tolist() == [1, 0, 1]


def test_parts_of_share_zero_come_last() -> None:
    sizes = np.array([5, 5, 5])
    assert share_out(np.array([0.0, 3, 1]), sizes, 4).tolist() == [0, 3, 1]
    assert share_out(np.array([0.0, 3, 1]), sizes, 12).tolist() == [2, 5, 5]
