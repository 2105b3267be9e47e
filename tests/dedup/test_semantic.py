from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.dedup import semantic, semantic_cells, semantic_duplicates


def bundles(rng: Any, rows: int, spread: float) -> Any:
    centres = rng.normal(size=(4, 8))
    return (centres[rng.integers(4, size=rows)] + spread * rng.normal(size=(rows, 8))).astype(np.float32)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.floats(0.05, 0.6), st.integers(1, 3))
def test_blocks_within_cells_equal_comparing_all_pairs(
    greedy: Any, seed: int, rows: int, spread: float, cells: int
) -> None:
    rng = np.random.default_rng(seed)
    embeddings = bundles(rng, rows, spread)
    labels = rng.integers(cells, size=rows)
    order = rng.permutation(rows)
    unit = embeddings.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosine = unit @ unit.T
    threshold = 0.9
    if (np.abs(cosine - threshold) < 1e-5).any():
        return

    outcome = semantic_duplicates(embeddings, labels, order, threshold)

    expected = greedy(
        order, lambda one, other: labels[one] == labels[other] and cosine[one, other] >= threshold
    )
    assert dict(zip(outcome.removed.tolist(), outcome.because_of.tolist(), strict=True)) == expected
    np.testing.assert_allclose(outcome.distance, 1 - cosine[outcome.removed, outcome.because_of], atol=1e-5)
    asked = rng.integers(0, 3, rows)
    by_question = semantic_duplicates(embeddings, labels, order, threshold, asked)
    several = [order[asked[order] == one] for one in dict.fromkeys(asked[order].tolist())]
    passes = [semantic_duplicates(embeddings, labels, one, threshold) for one in several]
    for name in ("removed", "because_of", "distance"):
        parts = np.concatenate([getattr(one, name) for one in passes])
        assert getattr(by_question, name).tolist() == parts.tolist()


@pytest.mark.parametrize("similarities", [1, 300, 5000])
def test_block_size_changes_nothing(monkeypatch: pytest.MonkeyPatch, similarities: int) -> None:
    embeddings = bundles(np.random.default_rng(0), 300, 0.3)
    order, cells = np.arange(300), np.zeros(300, dtype=np.int64)
    whole = semantic_duplicates(embeddings, cells, order, 0.9)

    monkeypatch.setattr(semantic, "_BLOCK", similarities)
    blocked = semantic_duplicates(embeddings, cells, order, 0.9)

    assert 0 < len(whole.removed) < 299
    assert dict(zip(blocked.removed, blocked.because_of, strict=True)) == dict(
        zip(whole.removed, whole.because_of, strict=True)
    )


def test_rows_without_a_direction_stay() -> None:
    embeddings = np.array([[0, 0], [0, 0], [np.nan, 1], [np.nan, 1], [1, 1], [2, 2]], dtype=np.float32)
    cells = semantic_cells(embeddings, tuple("abcdef"))

    outcome = semantic_duplicates(embeddings, cells, np.arange(6))

    assert cells.tolist() == [-1, -1, -1, -1, 0, 0]
    assert outcome.groups() == {4: [5]}


def test_cells_do_not_depend_on_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    embeddings = bundles(rng, 400, 0.5)
    ids = tuple(f"{row:03}" for row in range(400))
    shuffled = rng.permutation(400)

    cells = semantic_cells(embeddings, ids, cell=50)
    again = semantic_cells(embeddings[shuffled], tuple(ids[row] for row in shuffled), cell=50)

    assert len(set(cells.tolist())) == 8
    np.testing.assert_array_equal(again, cells[shuffled])
