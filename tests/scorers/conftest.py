"""A tiny image-text encoder of a third party: images are mean colours, texts their colour words."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from finegold.arrays import Vectors
from finegold.encoders import ENCODERS, base
from finegold.samples.words import split_windows

WORDS = ("red", "green", "blue")


class Colours:
    """Three dimensions and a fourth that is always 1; reads 8 words of a text."""

    dim = 4

    def __init__(self, name: str) -> None:
        self.name = name
        self.texts: list[str] = []

    def identity(self) -> dict[str, Any]:
        return {"encoder": self.name}

    def load(self) -> None:
        pass

    def preprocess(self, image: Image.Image) -> Vectors:
        return np.append(np.asarray(image, np.float32).mean((0, 1)) / 255, np.float32(1))

    def encode_images(self, inputs: Sequence[Vectors]) -> Vectors:
        return np.stack(inputs)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.texts.extend(texts)
        words = [text.lower().replace(".", " ").split()[:8] for text in texts]
        return np.array([[*(float(found.count(word)) for word in WORDS), 1] for found in words], np.float32)

    def cuts(self, text: str) -> bool:
        return len(text.split()) > 8

    def windows(self, text: str) -> list[str]:
        return split_windows(text, lambda piece: len(piece.split()), 8)


@pytest.fixture
def colours() -> Iterator[str]:
    """The name that selects the encoder."""
    ENCODERS.add("colours", lambda name, *, device, dtype: Colours(name))
    yield "colours"
    base._loaded.cache_clear()
