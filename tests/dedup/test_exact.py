from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finegold.dedup import content_key, exact_duplicates


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
