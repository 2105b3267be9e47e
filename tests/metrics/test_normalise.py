"""LVLM-eHub's answer test, case by case, slips included, as its published code answers when it is run."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finegold.metrics.normalise import CONTRACTIONS, contains_answer, normalise, vqa_accuracy


@pytest.mark.parametrize(
    ("answer", "accepted", "right"),
    [
        ("two people", "2", True),
        ("12", "1", False),
        ("1.5", "1", True),
        ("5:30", "5", True),
        ("2-3 people", "3", True),
        ("twenty-one", "1", True),
        ("No. There is a cat, yes indeed.", "Yes", True),
        ("anything", "a", True),
        ("anything", "the", True),
        ("surfboards", "surfboard", False),
        ("surf board", "surfboard", False),
        ("costs $5", "$5", False),
        ("None", "No.", False),
        ("There are none.", "0", True),
        ("Yes or no", "Yes.", True),
        ("Yes or no", "No.", True),
        ("I know nothing", "no", False),
        ("", "yes", False),
        ("It is\nthe\tred one", "red 1", True),
    ],
)
def test_an_answer_is_right_if_it_contains_the_accepted_one(answer: str, accepted: str, right: Any) -> None:
    assert contains_answer(answer, accepted) is right


@pytest.mark.parametrize("number", range(1, 10))
def test_counting_to_nine_is_always_right(number: Any) -> None:
    assert contains_answer("1 2 3 4 5 6 7 8 9", str(number))


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("twenty-one", "twenty 1"),  # no space touches the hyphen: it becomes one
        ("twenty-one - or more", "twentyone or more"),  # one does, so every hyphen goes
        ("10,000 red/blue cars", "10000 redblue cars"),  # a number with a comma: all marks go
        ("red/blue", "red blue"),
        ("1.5 m. long.", "1.5 m long"),
        ("5:30 o'clock $5 50% #1 a*b R&B", "5:30 o'clock $5 50% #1 a*b r&b"),
        ("The man doesnt know; dont ask", "man doesn't know don't ask"),
        ("None of the Ten", "0 of 10"),
        ("shell somebody'd Im", "shell somebodyd im"),
        ("he'd", "he'd"),
    ],
)
def test_normalisation(text: str, normalised: str) -> None:
    assert normalise(text) == normalised


def test_only_the_first_32_stops_are_deleted() -> None:
    assert normalise("." * 40) == "." * 8


def test_words_with_two_apostrophes_get_the_missing_one() -> None:
    assert CONTRACTIONS["couldnt've"] == CONTRACTIONS["couldn'tve"] == "couldn't've"
    assert CONTRACTIONS["yall'd've"] == "y'all'd've"
    assert CONTRACTIONS["twas"] == "'twas"
    assert "couldntve" not in CONTRACTIONS
    assert len(CONTRACTIONS) == 120


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text())
def test_any_text_is_normalised_to_single_spaced_words(text: str) -> None:
    assert normalise(text) == " ".join(normalise(text).split())


@pytest.mark.parametrize(("given", "accuracy"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_the_published_steps_of_ten_annotators(given: Any, accuracy: Any) -> None:
    assert vqa_accuracy("Race.", ["race"] * given + ["walk"] * (10 - given)) == pytest.approx(accuracy)


def test_a_sentence_around_the_answer_is_not_the_answer() -> None:
    assert vqa_accuracy("I think it is a race", ["race"] * 10) == 0
    assert vqa_accuracy("The two dogs!", ["2 dogs"] * 10) == 1
