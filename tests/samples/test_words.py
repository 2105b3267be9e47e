import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.samples.words import (
    count_words_and_marks,
    sentence_ends,
    sentences,
    split_windows,
    split_words,
    whole_sentences,
)


def _letters(text: str) -> str:
    return "".join(text.split())


def _words(text: str) -> int:
    return len(text.split()) + 2


prose = st.lists(st.sampled_from(["dog", "cat.", "runs!", "a", "?", "snow。", "\n", "x" * 9])).map(" ".join)


@given(prose, st.integers(3, 12), st.booleans())
def test_windows_keep_every_letter_in_order_and_fit(text: str, limit: int, join: bool) -> None:
    windows = split_windows(text, _words, limit, join=join)
    assert _letters("".join(windows)) == _letters(text)
    assert all(_words(window) <= limit for window in windows)


@given(st.text(max_size=40), st.integers(3, 8))
def test_a_text_without_spaces_is_cut_between_characters(text: str, limit: int) -> None:
    windows = split_windows(text, lambda piece: len(piece) + 2, limit)
    assert _letters("".join(windows)) == _letters(text)
    assert all(len(window) + 2 <= limit for window in windows if window != text)


def test_joined_windows_are_as_few_as_reading_in_order_allows() -> None:
    text = "One two. Three four. Five six. Seven."
    assert split_windows(text, _words, 6) == ["One two. Three four.", "Five six. Seven."]
    assert split_windows(text, _words, 6, join=False) == ["One two.", "Three four.", "Five six.", "Seven."]


def test_sentences_end_at_marks_and_lines_but_not_inside_numbers() -> None:
    assert sentences("It costs 3.50. Really?! Yes\nno。好") == [
        "It costs 3.50.",
        "Really?!",
        "Yes",
        "no。",
        "好",
    ]


def test_a_long_list_is_joined_in_one_pass() -> None:
    (joined,) = whole_sentences("- a\n" * 50_000)
    assert joined == " ".join(["- a"] * 50_000)


def test_words_are_words_marks_and_single_chinese_characters() -> None:
    assert count_words_and_marks("A dog's tail, 3.5 m long!") == 12
    assert count_words_and_marks("一只狗。") == 4


@given(st.text(max_size=30), st.text(max_size=30))
def test_words_add_up_over_texts_with_a_space_between(first: str, second: str) -> None:
    assert count_words_and_marks(f"{first} {second}") == count_words_and_marks(first) + count_words_and_marks(
        second
    )


@given(st.text(max_size=200))
def test_sentence_ends_cut_a_text_into_its_sentences(text: str) -> None:
    ends = sentence_ends(text)
    starts = [0, *ends[:-1]]
    solid = ["".join(text[start:end].split()) for start, end in zip(starts, ends, strict=True)]
    assert solid == ["".join(piece.split()) for piece in whole_sentences(text)]
    assert not text[ends[-1] :].strip()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Một con mèo ngủ trên ghế.", 7),
        ("बिल्ली कुर्सी पर सोती है", 5),
        ("قِطَّةٌ تَنامُ", 2),
        ("שָׁלוֹם עֲלֵיכֶם", 2),
        ("Кот спит на стуле", 4),
        ("고양이가 잔다", 2),
        ("می‌خواهم بخوابم", 2),
        ("แมวนอน", 6),
        ("ネコが寝る", 4),
        ("猫在睡觉", 4),
        ("𠀀𠀁", 2),
        ("👩‍👩‍👦 👍🏿 🇳🇴🇸🇪 ❤️", 5),
        ("x\u0301\u0302y z", 2),
        ("“deux mots”", 4),
        ("१२३ ४५", 2),
        ("a\u200bb", 2),
    ],
)
def test_words_of_many_scripts(text: str, words: int) -> None:
    assert count_words_and_marks(text) == words
    assert len(split_words(unicodedata.normalize("NFD", text))) == words


@given(st.text(max_size=40))
def test_both_forms_of_a_text_have_the_same_words(text: str) -> None:
    forms = {unicodedata.normalize(form, text) for form in ("NFC", "NFD")} | {text}
    assert len({tuple(split_words(form)) for form in forms}) == 1
    assert {count_words_and_marks(form) for form in forms} == {len(split_words(text))}


@given(st.text(st.characters(max_codepoint=0x24F, exclude_categories=["Cf", "Cc", "Cs"]), max_size=60))
def test_latin_texts_are_runs_of_letters_and_single_marks(text: str) -> None:
    import re

    composed = unicodedata.normalize("NFC", text)
    assert [word.lower() for word in re.findall(r"\w+|[^\w\s]", composed)] == split_words(composed)
