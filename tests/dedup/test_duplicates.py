from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.dedup import best_first, content_key, deduplicate, exact_duplicates
from finegold.errors import DataError


def test_best_first_breaks_ties_by_id_whatever_the_order() -> None:
    assert best_first(np.array([1.0, 2.0, 2.0]), ["a", "c", "b"]).tolist() == [2, 1, 0]
    assert best_first(None, ["b", "a"]).tolist() == [1, 0]


def test_a_missing_quality_or_a_repeated_id_is_an_error() -> None:
    with pytest.raises(DataError, match="1 rows have no quality"):
        best_first(np.array([1.0, np.nan]), ["a", "b"])
    with pytest.raises(DataError, match="an id occurs twice"):
        best_first(None, ["a", "a"])


def test_groups_name_the_row_that_stays_across_passes() -> None:
    # 0 and 1 have one text, and 0 looks like the better 2: in the end 2 stands for both.
    outcome = deduplicate(np.array([2, 0, 1]), keys=["x", "x", "y"], hashes=[0b0, 0b0, 0b1], radius=1)

    assert outcome.kept.tolist() == [2]
    assert list(zip(outcome.removed, outcome.because_of, outcome.method, strict=True)) == [
        (1, 0, "exact"),
        (0, 2, "perceptual"),
    ]
    assert outcome.distance.tolist() == [0, 1]
    assert outcome.stands_for() == {1: 2, 0: 2}
    assert outcome.groups() == {2: [0, 1]}


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), st.data())
def test_restoring_undoes_a_removal_and_nothing_else(keys: Any, data: Any) -> None:
    outcome = exact_duplicates(keys, np.arange(len(keys)))
    back = data.draw(st.sets(st.sampled_from(outcome.removed.tolist()))) if len(outcome.removed) else set()

    restored = outcome.restore(back)

    assert sorted([*restored.kept.tolist(), *restored.removed.tolist()]) == list(range(len(keys)))
    assert set(restored.kept.tolist()) == set(outcome.kept.tolist()) | back
    everything = outcome.restore(outcome.removed.tolist())
    assert everything.kept.tolist() == list(range(len(keys)))
    assert everything.groups() == {}


def test_a_row_that_was_not_removed_cannot_be_restored() -> None:
    with pytest.raises(DataError, match="row 0 was not removed as a duplicate"):
        exact_duplicates(["a", "a"], np.array([0, 1])).restore([0])


@given(st.lists(st.sampled_from("abcde"), max_size=30), st.randoms())
def test_each_key_keeps_its_best_row(greedy: Any, keys: Any, random: Any) -> None:
    order = list(range(len(keys)))
    random.shuffle(order)

    outcome = exact_duplicates(keys, np.array(order, dtype=np.int64))

    expected = greedy(order, lambda one, other: keys[one] == keys[other])
    assert dict(zip(outcome.removed.tolist(), outcome.because_of.tolist(), strict=True)) == expected
    assert len(outcome.kept) == len(set(keys))


def test_case_spacing_and_unicode_form_do_not_tell_answers_apart() -> None:
    assert content_key("photo", "A dog\n runs. ") == content_key("photo", "a DOG runs.")
    assert content_key("photo", "ﬁne caf\u00e9") == content_key("photo", "fine cafe\u0301")


def test_other_content_has_another_key() -> None:
    keys = [
        content_key("photo", "a dog"),
        content_key("other", "a dog"),
        content_key("photo", "a dog runs"),
        content_key("photo", "what is it?", "a dog"),
        content_key("photo", "what is it?a", "dog"),
        content_key("photo", "", "a dog"),
    ]

    assert len(set(keys)) == len(keys)


def test_text_with_a_lone_surrogate_has_a_key() -> None:
    assert content_key("photo", "\ud800") != content_key("photo", "")
