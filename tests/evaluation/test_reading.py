from typing import Any

import pytest

from finegold.evaluation.reading import read_choice, read_count, read_yes_no

CHOICES = ["red fox", "red", "a blue whale"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Yes", True),
        ("no.", False),
        ("Yes, there are no cats.", True),
        ("The answer is no", False),
        ("Yes or no", None),
        ("No Yes", None),
        ("I know nothing now", None),
        ("maybe", None),
        ("", None),
    ],
)
def test_yes_and_no(answer: str, said: Any) -> None:
    assert read_yes_no(answer) is said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("There are 3 people, 2 of them sitting", 3),
        ("Two people", 2),
        ("twelve", 12),
        ("1 2 3 4 5 6 7 8 9", 1),
        ("1.5", None),
        ("none", 0),
        ("someone", None),
        ("many", None),
        ("There are 12.", 12),
    ],
)
def test_the_first_whole_number(answer: str, said: Any) -> None:
    assert read_count(answer) == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("B", 1),
        ("(C) because", 2),
        ("A. red fox", 0),
        ("The answer is B.", 1),
        ("Answer: C", 2),
        ("A red fox runs", 0),
        ("It is red", 1),
        ("the blue whale", 2),
        ("a red fox or a blue whale", None),
        ("red fox red a blue whale", None),
        ("E", None),
        ("reddish", None),
        ("", None),
    ],
)
def test_the_choice_that_is_named(answer: str, said: Any) -> None:
    assert read_choice(answer, CHOICES) == said
