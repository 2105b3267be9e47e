from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.dedup import best_first, deduplicate, semantic_cells
from finegold.errors import ConfigError


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_what_stays_and_why_does_not_depend_on_the_order_of_the_rows(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    ids = [f"row{number}" for number in rng.permutation(1000)[:rows]]
    quality = rng.integers(0, 3, rows).astype(np.float64)  # many ties
    keys = [str(key) for key in rng.integers(0, rows, rows)]
    hashes = [int(code) for code in rng.choice([0, 1, 0xFFF, 2**100 - 1], rows)]
    embeddings = rng.normal(size=(rows, 3)).astype(np.float32)

    def outcome(permutation: Any) -> Any:
        names = [ids[row] for row in permutation]
        vectors = embeddings[permutation]
        found = deduplicate(
            best_first(quality[permutation], names),
            keys=[keys[row] for row in permutation],
            hashes=[hashes[row] for row in permutation],
            embeddings=vectors,
            cells=semantic_cells(vectors, tuple(names), cell=20),
        )
        removed = {
            (names[row], names[kept], method)
            for row, kept, method in zip(found.removed, found.because_of, found.method, strict=True)
        }
        return {names[row] for row in found.kept}, removed

    assert outcome(np.arange(rows)) == outcome(rng.permutation(rows))


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_every_row_is_kept_or_removed_because_of_a_better_one(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(rows)
    place = np.argsort(order)

    found = deduplicate(
        order,
        keys=[str(key) for key in rng.integers(0, 20, rows)],
        hashes=[int(code) for code in rng.integers(0, 2**16, rows)],
        radius=4,
    )

    assert sorted([*found.kept.tolist(), *found.removed.tolist()]) == list(range(rows))
    assert (place[found.because_of] < place[found.removed]).all()
    assert set(found.stands_for().values()) <= set(found.kept.tolist())


def test_embeddings_without_cells_are_refused_rather_than_compared_in_pairs() -> None:
    with pytest.raises(ConfigError, match="embeddings without cells"):
        deduplicate(np.arange(2), embeddings=np.ones((2, 2), dtype=np.float32))


def test_no_pass_removes_nothing() -> None:
    found = deduplicate(np.array([1, 0]))

    assert found.kept.tolist() == [0, 1]
    assert found.groups() == {}
