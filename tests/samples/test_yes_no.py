"""Which answers are a yes or a no."""

import pytest

from finegold.samples.yes_no import yes_or_no


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Yes", "yes"),
        ("yes, it is", "yes"),
        ("**No.**", "no"),
        ("False", "no"),
        ("ja", "yes"),
        ("没有", "no"),
        ("Nothing", None),
        ("Yesterday", None),
        ("No dog is in the picture.", None),
        ("Two", None),
        ("", None),
    ],
)
def test_a_short_answer_is_a_yes_a_no_or_neither(answer: str, found: str | None) -> None:
    assert yes_or_no(answer) == found
