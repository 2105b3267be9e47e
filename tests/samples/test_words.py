from hypothesis import given
from hypothesis import strategies as st

from finegold.samples.words import (
    count_words,
    sentence_ends,
    sentences,
    split_windows,
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


def test_words_are_words_marks_and_single_chinese_characters() -> None:
    assert count_words("A dog's tail, 3.5 m long!") == 12
    assert count_words("一只狗。") == 4


@given(st.text(max_size=30), st.text(max_size=30))
def test_words_add_up_over_texts_with_a_space_between(first: str, second: str) -> None:
    assert count_words(f"{first} {second}") == count_words(first) + count_words(second)


@given(st.text(max_size=200))
def test_sentence_ends_cut_a_text_into_its_sentences(text: str) -> None:
    ends = sentence_ends(text)
    starts = [0, *ends[:-1]]
    solid = ["".join(text[start:end].split()) for start, end in zip(starts, ends, strict=True)]
    assert solid == ["".join(piece.split()) for piece in whole_sentences(text)]
    assert not text[ends[-1] :].strip()
