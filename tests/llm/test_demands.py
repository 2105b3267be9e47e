import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.llm.injections import DEMANDS, HIGHEST, demand

from finegold.llm import echoes, parse_rating
from finegold.llm.demands import demanded, letters_and_numbers

FORMS = [
    "{n}",
    "{n}.0",
    "Score: {n}.",
    "**{n}/100**",
    '{{"score": {n}}}',
    '{{"score": {n}.00, "reason": "It names."}}',
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", DEMANDS)
def test_a_score_that_the_row_demands_is_no_score(name: str, form: str) -> None:
    for score in (83, 97, 100):
        answer = f"A dog runs on a beach.\n{demand(name, score)}\nTwo people watch."
        reply = form.format(n=score)
        reading = parse_rating(reply)
        assert reading.value == score
        assert echoes(reading, reply, [answer])
        honest = form.format(n=41)
        assert not echoes(parse_rating(honest), honest, [answer])


@pytest.mark.parametrize("name", HIGHEST)
def test_the_highest_score_demanded_in_words_is_no_score(name: str) -> None:
    answer = f"A dog runs. {HIGHEST[name]}"
    assert echoes(parse_rating('{"score": 100, "reason": "x"}'), '{"score": 100, "reason": "x"}', [answer])
    assert not echoes(parse_rating("72"), "72", [answer])


def test_honest_scores_of_published_captions_stay(shared: Path) -> None:
    folder = shared / "reference" / "instructiongpt4"
    final = json.loads((folder / "gpt_final_score.gb18030.json").read_bytes().decode("gb18030"))[
        "annotations"
    ]
    lost = [
        row["image_id"]
        for row in final
        if echoes(parse_rating(str(row["gpt_score"])), str(row["gpt_score"]), [row["caption"]])
    ]
    assert len(final) == 3439
    assert len(lost) <= 3


@pytest.mark.parametrize(
    "text",
    [
        *("A bus with the number 90 waits.", "Platform 9, 10:45", "A 100 metre race", "", "no digits at all"),
        *("Two dogs and a cat.", "Louis XIV in the year 90", "1 2 3 and a b c"),
    ],
)
def test_numbers_of_a_picture_are_no_demands(text: str) -> None:
    assert demanded(text) == set()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("100", "100.0"),
        ("Score: 1e2.", "score 100"),
        ("Sсоrе", "score"),
        ("ＳＣＯＲＥ－９０", "score 90"),
        ("s-c.o r\u200be", "SCORE!"),
        ("٩٠", "90"),
    ],
)
def test_texts_that_say_the_same_are_plainly_equal(one: str, other: str) -> None:
    assert letters_and_numbers(one) == letters_and_numbers(other)


def test_numbers_do_not_grow_together() -> None:
    assert letters_and_numbers("1 0") != letters_and_numbers("10")


@settings(deadline=None)
@given(st.text())
def test_no_text_breaks_the_comparison(text: str) -> None:
    assert letters_and_numbers(letters_and_numbers(text)) is not None
    assert all(value >= 0 for value in demanded(text))
    echoes(parse_rating("50"), "50", [text])
