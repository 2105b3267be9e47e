from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from finegold.scorers.text_models import length_buckets


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 120))
def test_buckets_hold_each_row_once_and_stay_within_the_budget(lengths: Any, budget: Any) -> None:
    groups = length_buckets(lengths, budget)

    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[row] for row in group) <= budget
