"""Duplicates as part of a selection: what counts, who stays, and that nothing is lost."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.dedup import (
    Contents,
    Dedup,
    best_first,
    deduplicate,
    mark_duplicates,
    question_key,
    semantic_cells,
)
from finegold.errors import BudgetError, ConfigError
from finegold.samples import Exclusion
from finegold.selection import SelectionInputs, find_preset, select

LENGTH = find_preset("length-only")


def inputs_of(n: int, seed: int = 0, dedup: Dedup | None = None) -> SelectionInputs:
    rng = np.random.default_rng(seed)
    images = [f"image {i}" for i in rng.integers(0, max(1, n // 2), n)]
    hashes = [int(code) for code in rng.choice([0, 1, 2**60 - 1, 2**119], n)]
    length = rng.integers(1, 6, n).astype(np.float64)
    length[rng.random(n) < 0.1] = np.nan
    return SelectionInputs(
        [f"row {i}" for i in rng.permutation(n)],
        {"length": length},
        embeddings=rng.normal(size=(n, 3)).astype(np.float32),
        dedup=dedup,
        contents=Contents(tuple(images), tuple(images), tuple(hashes)),
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(5, 60))
def test_rows_in_are_selected_not_selected_or_excluded(seed: int, n: int) -> None:
    inputs = inputs_of(n, seed, Dedup(True, 8, 0.9))
    result = select(inputs, LENGTH, 1)

    assert n == len(result.ids) + result.not_selected + len(result.excluded)
    assert not set(result.pool_ids) & set(result.excluded)
    for found in result.excluded.values():
        assert (found.duplicate_of is None) == (found.code == "no-quality")
        assert found.duplicate_of is None or found.duplicate_of in result.pool_ids


def test_the_best_row_of_a_group_stays_and_keeps_its_quality() -> None:
    inputs = SelectionInputs(
        ["a", "b", "c", "d"],
        {"length": np.array([1.0, 5.0, 5.0, 2.0])},
        dedup=Dedup(exact=True),
        contents=Contents(("x", "x", "x", "y"), ("1", "1", "1", "2"), (None,) * 4),
    )
    result = select(inputs, LENGTH, 2)

    assert result.ids == ("b", "d")
    assert {key: (one.code, one.duplicate_of) for key, one in result.excluded.items()} == {
        "a": ("duplicate-exact", "b"),
        "c": ("duplicate-exact", "b"),
    }
    assert "the images and the text of row b" in result.excluded["a"].reason
    assert any("2 exact; the best of each of 1 groups" in note for note in result.notes)
    all_rows = select(SelectionInputs(inputs.ids, inputs.indicators), LENGTH, 4)
    assert all_rows.quality is not None
    assert result.quality is not None
    quality = dict(zip(all_rows.pool_ids, all_rows.quality, strict=True))
    assert dict(zip(result.pool_ids, result.quality, strict=True)) == {key: quality[key] for key in "bd"}


def test_a_size_that_only_duplicates_could_fill_is_refused() -> None:
    inputs = inputs_of(40, 3, Dedup(exact=True))
    left = len(select(inputs, LENGTH, 1).pool_ids)
    assert len(select(inputs, LENGTH, left).ids) == left
    with pytest.raises(BudgetError, match=f"{left} can be used after .* duplicates"):
        select(inputs, LENGTH, left + 1)


def test_a_mark_says_why_and_which_row_stays() -> None:
    ids = ["a", "b", "c"]
    contents = Contents(("x", "x", "y"), ("1", "1", "2"), (0, 0, 1))
    marked, _ = mark_duplicates(Dedup(exact=True, radius=1), ids, np.array([1.0, 2.0, 3.0]), contents, None)
    assert marked.by_id(ids) == {
        "a": Exclusion(
            "duplicate-exact", "the row has the images and the text of row b, for which row c stands", "c"
        ),
        "b": Exclusion(
            "duplicate-perceptual", "the row has an image whose hash is 1 of 120 bits from that of row c", "c"
        ),
    }


def test_one_image_with_several_questions_is_pointed_out() -> None:
    contents = Contents(("one question", "another"), ("same", "same"), (7, 7))
    _, notes = mark_duplicates(Dedup(exact=True, radius=10), ["a", "b"], None, contents, None)
    assert any("1 of them have the same image" in note for note in notes)


def test_a_pass_without_what_it_compares_is_an_error() -> None:
    with pytest.raises(ConfigError, match="need image hashes, found none"):
        mark_duplicates(Dedup(exact=True), ["a", "b"], None, None, None)
    with pytest.raises(ConfigError, match="need image embeddings, found none"):
        mark_duplicates(Dedup(threshold=0.9), ["a", "b"], None, None, None)


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


def test_several_questions_on_one_image_are_no_duplicates() -> None:
    asked = [
        ("yes-no", "Is it red?"),
        ("yes-no", "Is it a dog?"),
        ("yes-no", "is it  RED?"),
        ("short-caption", "Describe the image."),
        ("detailed-description", "Take a look at this image."),
    ]
    questions = [question_key(kind, text) for kind, text in asked]
    contents = Contents(tuple("abcde"), ("same",) * 5, (7,) * 5)
    ids = ["r0", "r1", "r2", "r3", "r4"]
    vectors = np.ones((5, 3), dtype=np.float32)
    for passes in (Dedup(radius=4), Dedup(threshold=0.9)):
        marked, notes = mark_duplicates(passes, ids, None, contents, vectors, questions)
        assert {row: found.duplicate_of for row, found in marked.by_id(ids).items()} == {
            "r2": "r0",
            "r4": "r3",
        }
        assert "2 of them have the same image as the row that stays and another answer" in notes[1]
        everything, _ = mark_duplicates(passes, ids, None, contents, vectors)
        assert len(everything) == 4
