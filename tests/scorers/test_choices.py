"""Which option an answer chooses."""

import pytest

from finegold.scorers.choices import Choice, choice_of
from finegold.scorers.statements import what_is_asked

LINES = (
    "Which animal is it?\nA. dog\nB. cat\nC. bird\nAnswer with the option's letter from the given choices."
)
ONE_LINE = "What is it? (A) a red ball (B) a hat, (C) a kite"


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        (LINES, "B", Choice("cat", ("dog", "bird"))),
        (LINES, "(b)", Choice("cat", ("dog", "bird"))),
        (LINES, "The correct answer is C.", Choice("bird", ("dog", "cat"))),
        (LINES, "A. dog", Choice("dog", ("cat", "bird"))),
        (LINES, "Cat.", Choice("cat", ("dog", "bird"))),
        (LINES, "D", None),
        (LINES, "A dog sleeps.", None),
        (ONE_LINE, "C", Choice("a kite", ("a red ball", "a hat"))),
        ("What is it? A. a ball", "A", None),
        ("Describe the image.", "A", None),
    ],
)
def test_an_option_is_named_by_letter_or_text(question: str, answer: str, expected: Choice | None) -> None:
    assert choice_of(question, answer) == expected


def test_options_are_no_part_of_what_is_asked() -> None:
    assert what_is_asked(LINES) == "Which animal is it?"
    assert what_is_asked(ONE_LINE) == "What is it?"
    assert what_is_asked("A. dog\nB. cat") == "A. dog"
    hinted = "Hint: Give the letter of the option.\nQuestion: Is there a dog?\nChoices:\n(A) yes\n(B) no"
    assert what_is_asked(hinted) == "Is there a dog?"
    assert choice_of(hinted, "A") == Choice("yes", ("no",))
