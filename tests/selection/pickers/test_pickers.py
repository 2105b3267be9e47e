"""What every picker promises."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.clustering import knn_graph
from finegold.selection import PICKERS, Pool

MakePool = Callable[..., Pool]
NAMES = sorted(PICKERS)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 40),
    share=st.floats(0, 1),
    seed=st.integers(0, 999),
    levels=st.sampled_from([None, 1, 3]),
)
def test_exactly_the_budget_and_all_different(
    make_pool: MakePool, name: str, n: int, share: float, seed: int, levels: int | None
) -> None:
    """With one level most rows are duplicates, some of them all zeros."""
    pool = make_pool(n, seed, levels=levels)
    budget = max(1, round(share * n))
    chosen = PICKERS[name].function(pool, budget, rng())
    assert chosen.dtype == np.int64
    assert len(chosen) == budget == len(set(chosen.tolist()))
    assert chosen.min() >= 0
    assert chosen.max() < n


@pytest.mark.parametrize("name", [name for name in NAMES if not PICKERS[name].seeded])
@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_rows_changes_nothing(make_pool: MakePool, name: str, seed: int) -> None:
    pool = make_pool(60, seed)
    order = np.random.default_rng(seed).permutation(60)
    assert pool.embeddings is not None
    other = replace(pool.subset(order), graph=knn_graph(pool.embeddings[order], 4))
    chosen = PICKERS[name].function(pool, 12, rng())
    assert [pool.ids[i] for i in chosen] == [other.ids[i] for i in PICKERS[name].function(other, 12, rng())]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_rows(make_pool: MakePool, name: str) -> None:
    pool = make_pool(60)
    first = PICKERS[name].function(pool, 12, rng())
    np.testing.assert_array_equal(first, PICKERS[name].function(pool, 12, rng()))
    other = PICKERS[name].function(pool, 12, np.random.default_rng(1))
    assert (first.tolist() != other.tolist()) == PICKERS[name].seeded


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_of_quality_does_not_matter(make_pool: MakePool, name: str) -> None:
    """Qualities may be zero or negative."""
    pool = make_pool(60)
    other = replace(pool, quality=pool.quality * 64 - 256)
    np.testing.assert_array_equal(
        PICKERS[name].function(pool, 12, rng()), PICKERS[name].function(other, 12, rng())
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_pool_is_left_as_it_was(make_pool: MakePool, name: str) -> None:
    pool, same = make_pool(30), make_pool(30)
    PICKERS[name].function(pool, 10, rng())
    np.testing.assert_array_equal(pool.quality, same.quality)
    np.testing.assert_array_equal(pool.embeddings, same.embeddings)
    assert pool.graph is not None
    assert same.graph is not None
    np.testing.assert_array_equal(pool.graph.neighbours, same.graph.neighbours)


def test_needs_are_declared_in_full(make_pool: MakePool) -> None:
    """A pool with no more than what a picker says it needs is enough for it."""
    full = make_pool(30)
    for name in NAMES:
        needs = PICKERS[name].needs
        bare = Pool(
            full.ids,
            full.quality,
            full.labels,
            full.embeddings if "embeddings" in needs else None,
            full.graph if "graph" in needs else None,
            full.indicators if "indicators" in needs else None,
            full.targets if "targets" in needs else None,
        )
        assert len(PICKERS[name].function(bare, 5, rng())) == 5


SEEING = [name for name in NAMES if PICKERS[name].sees_pinned]


@pytest.mark.parametrize("name", SEEING)
@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(2, 40), share=st.floats(0, 1), seed=st.integers(0, 999), levels=st.sampled_from([None, 1])
)
def test_pinned_rows_are_not_chosen_again(
    make_pool: MakePool, name: str, n: int, share: float, seed: int, levels: int | None
) -> None:
    pinned = tuple(sorted(np.random.default_rng(seed).choice(n, max(1, n // 3), replace=False).tolist()))
    pool = replace(make_pool(n, seed, levels=levels), pinned=pinned)
    budget = max(1, round(share * (n - len(pinned))))
    chosen = PICKERS[name].function(pool, budget, rng()).tolist()
    assert len(chosen) == budget == len(set(chosen) - set(pinned))


@pytest.mark.parametrize("name", SEEING)
def test_rows_like_a_pinned_one_are_not_needed(name: str) -> None:
    """Three groups of like rows: with one row of the first pinned, rows of the other two are chosen."""
    random = np.random.default_rng(3)
    points = np.repeat(np.eye(3), 4, axis=0) + random.normal(scale=0.01, size=(12, 3))
    vectors = points.astype(np.float32)
    pool = Pool(
        tuple(f"{i:02}" for i in range(12)),
        np.ones(12),
        np.zeros(12, np.int64),
        vectors,
        knn_graph(vectors, 4),
    )
    with_pin = PICKERS[name].function(replace(pool, pinned=(3,)), 2, rng())
    assert sorted(row // 4 for row in with_pin.tolist()) == [1, 2]
