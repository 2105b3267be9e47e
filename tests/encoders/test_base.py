from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finegold.arrays import Vectors
from finegold.encoders import embed_texts


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
