"""What an image-text encoder is."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image

from finegold.arrays import Vectors

TEXT_BATCH = 64
"""Texts a forward pass."""


class Encoder(Protocol):
    """A pair of towers that put images and texts into one space.

    Attributes:
        name: As the user wrote it: `offline`, a hub id or a path. Part of table names and messages.
        dim: Width d of the embeddings.
    """

    name: str
    dim: int

    def identity(self) -> dict[str, Any]:
        """What the numbers depend on (weight hashes, revision, dtype), JSON-able, for fingerprints."""

    def load(self) -> None:
        """Load weights; raises ModelError if they cannot be had. Cheap to call again."""

    def preprocess(self, image: Image.Image) -> Any:
        """RGB image to one input tensor. Runs in worker threads, beside the forward pass."""

    def encode_images(self, inputs: Sequence[Any]) -> Vectors:
        """Preprocessed inputs to raw (un-normalised) embeddings, float32, shape (n, d)."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts to raw embeddings, float32, shape (n, d). Too long a text is cut: see `cuts`, `windows`."""

    def cuts(self, text: str) -> bool:
        """Whether the text is longer than the text tower reads, so that `encode_texts` would cut it."""

    def windows(self, text: str) -> list[str]:
        """Split a text into pieces that each fit the text tower whole, at sentence ends where possible."""


def embed_texts(encoder: Encoder, texts: Sequence[str], batch_size: int = TEXT_BATCH) -> Vectors:
    """Embed texts, each distinct one once, batches of similar length together.

    Returns:
        Raw embeddings in the order of `texts`, shape (n, d).
    """
    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    vectors = np.empty((len(distinct), encoder.dim), np.float32)
    for start in range(0, len(distinct), batch_size):
        batch = distinct[start : start + batch_size]
        vectors[start : start + len(batch)] = encoder.encode_texts(batch)
    place = {text: index for index, text in enumerate(distinct)}
    return vectors[[place[text] for text in texts]]
