"""An encoder without weights: texts and images lie where their words say."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from finegold.arrays import Vectors
from finegold.samples import ImageRef, Sample, Turn
from finegold.samples.words import split_words

SUBJECTS = ("dog", "cat", "man", "woman", "horse", "bird")
COLOURS = ("red", "blue", "green", "white", "black", "brown")
PLACES = ("beach", "street", "forest", "garden", "kitchen", "desert")
WORDS = (*SUBJECTS, *COLOURS, *PLACES)


class WordsEncoder:
    """The direction of a text is that of its known words; a text without any has one of its own."""

    name, dim = "words", len(WORDS) + 8

    def identity(self) -> dict[str, str]:
        return {}

    def load(self) -> None: ...

    def windows(self, text: str) -> list[str]:
        return [text]

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return np.stack([_vector(split_words(text), self.dim, text) for text in texts])


def image_of(words: Iterable[str]) -> Vectors:
    """The embedding of a photo that shows these words."""
    return _vector(list(words), WordsEncoder.dim, "")


def _vector(words: Sequence[str], dim: int, text: str) -> Vectors:
    noise = np.random.default_rng(list(text.encode()) or [0]).normal(scale=0.02, size=dim)
    for word in words:
        if word in WORDS:
            noise[WORDS.index(word)] += 1
    return noise.astype(np.float32)


def photos(count: int) -> list[tuple[str, str, str]]:
    """Subject, colour and place of photos; no two neighbours agree in any."""
    return [(SUBJECTS[k % 6], COLOURS[(k + k // 6) % 6], PLACES[(k + k // 36) % 6]) for k in range(count)]


def row(key: str, *turns: str, image: bool = True) -> Sample:
    """A row of questions and answers in turn."""
    roles: tuple[Any, Any] = ("user", "assistant")
    said = tuple(Turn(roles[at % 2], text) for at, text in enumerate(turns))
    return Sample(key, (ImageRef(f"{key}.jpg", data=b"x"),) if image else (), said, None)
