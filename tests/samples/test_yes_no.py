"""Which answers are a yes or a no."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from finegold.samples.yes_no import BEGINS_WITH_YES, yes_or_no


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Yes", "yes"),
        ("yes, it is", "yes"),
        ("**No.**", "no"),
        ("False", "no"),
        ("ja", "yes"),
        ("没有", "no"),
        ("«Да!»", "yes"),
        ("вода", None),
        ("是吗", None),
        ("Nothing", None),
        ("Yesterday", None),
        ("No dog is in the picture.", None),
        ("Two", None),
        ("", None),
    ],
)
def test_a_short_answer_is_a_yes_a_no_or_neither(answer: str, found: str | None) -> None:
    assert yes_or_no(answer) == found
    assert pc.match_substring_regex(pa.array([answer]), BEGINS_WITH_YES).to_pylist() == [found == "yes"]
