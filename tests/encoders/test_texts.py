from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finegold.arrays import Vectors
from finegold.encoders.texts import embed_texts, sentences, split_windows


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


class Recorder:
    """Embeds a text as its length, and remembers what it was asked."""

    dim = 2

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        return np.array([[len(text), 1] for text in texts], np.float32)


@given(st.lists(st.sampled_from(["a", "bb", "ccc", "dddd", ""]), min_size=1), st.integers(1, 4))
def test_each_distinct_text_is_embedded_once_and_comes_back_in_order(texts: list[str], size: int) -> None:
    encoder = Recorder()
    vectors = embed_texts(encoder, texts, size)  # type: ignore[arg-type]
    assert vectors[:, 0].tolist() == [len(text) for text in texts]
    asked = [text for batch in encoder.batches for text in batch]
    assert sorted(asked) == sorted(set(texts))
    assert max(map(len, encoder.batches)) <= size
