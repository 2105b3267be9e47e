"""What an image-text encoder is, and encoders by name."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from finegold.arrays import Vectors
from finegold.engines import HalvingBatches
from finegold.errors import ConfigError
from finegold.registry import Registry

TEXT_BATCH = 64
"""Texts a forward pass."""


class TextEncoder(Protocol):
    """What puts texts into a space.

    Attributes:
        name: Name that the user gave: `offline`, a hub id or a path. Part of table names and messages.
        dim: Width d of the embeddings.
    """

    name: str
    dim: int

    def identity(self) -> dict[str, Any]:
        """What the numbers depend on (weight hashes, revision, dtype), JSON-able, for fingerprints."""

    def load(self) -> None:
        """Load weights; raises ModelError if that fails. Cheap to call again."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts to raw (un-normalised) embeddings, float32, shape (n, d). A text that is too long is cut."""

    def windows(self, text: str) -> list[str]:
        """Split a text into pieces that each fit whole, at sentence ends where possible."""


class Encoder(TextEncoder, Protocol):
    """A pair of towers that put images and texts into one space."""

    def preprocess(self, image: Image.Image) -> Any:
        """RGB image to one input tensor. Runs in worker threads, beside the forward pass."""

    def encode_images(self, inputs: Sequence[Any]) -> Vectors:
        """Preprocessed inputs to raw embeddings, float32, shape (n, d)."""

    def cuts(self, text: str) -> bool:
        """Whether the text is longer than the text tower reads, so that `encode_texts` would cut it."""


class MakeEncoder(Protocol):
    """Makes an encoder from its whole name, such as `offline:heads.safetensors`, and a device."""

    def __call__(self, name: str, *, device: str, dtype: str) -> Encoder:
        """An encoder whose weights are not loaded."""


ENCODERS: Registry[MakeEncoder] = Registry("encoder", "finegold.encoders")
"""Functions that make an encoder, by its name up to the colon; `load_encoder` takes hub ids and paths too."""


@ENCODERS.register("offline")
def _offline(name: str, *, device: str, dtype: str) -> Encoder:
    from finegold.offline import OfflineEncoder

    _, colon, file = name.partition(":")
    if dtype not in ("auto", "float32"):
        raise ConfigError(f"the encoder 'offline' runs in float32 and not in {dtype}: give no dtype")
    if colon and not file:
        raise ConfigError(f"'{name}' names no file: give offline, or offline:FILE")
    return OfflineEncoder(name, device=device, heads=Path(file) if file else None)


def load_encoder(name: str, *, device: str = "auto", dtype: str = "auto") -> Encoder:
    """The encoder of a name; the same object for the same arguments, its weights not loaded yet.

    Args:
        name: `offline`; `offline:FILE` with other heads; a name, with or without `:` and more, that an
            installed package declares in the entry-point group `finegold.encoders`; or a Hugging Face CLIP
            or SigLIP by hub id or local path.
        device: `auto`, or a device of torch.
        dtype: `auto`, `float32`, `float16` or `bfloat16`; the offline encoder has float32 only.

    Raises:
        ConfigError: If the encoder does not take an option.
        MissingExtraError: If a package that it needs is not installed.
        ModelError: If the model cannot be found.
    """
    return _loaded(name, device, dtype)


@cache
def _loaded(name: str, device: str, dtype: str) -> Encoder:
    for registered in (name, name.partition(":")[0]):
        if registered in ENCODERS:
            return ENCODERS.get(registered)(name, device=device, dtype=dtype)
    from finegold.encoders.huggingface import HuggingFaceEncoder

    return HuggingFaceEncoder(name, device=device, dtype=dtype)


@cache
def _fitting(name: str) -> HalvingBatches:
    """What is known of how many texts an encoder takes at a time."""
    del name
    return HalvingBatches("texts")


def embed_texts(encoder: TextEncoder, texts: Sequence[str], batch_size: int = TEXT_BATCH) -> Vectors:
    """Embed texts, each distinct one once, batches of similar length together.

    Returns:
        Raw embeddings in the order of `texts`, shape (n, d).
    """
    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    vectors = np.empty((len(distinct), encoder.dim), np.float32)
    for start in range(0, len(distinct), batch_size):
        batch = distinct[start : start + batch_size]
        vectors[start : start + len(batch)] = _fitting(encoder.name).apply(encoder.encode_texts, batch)
    place = {text: index for index, text in enumerate(distinct)}
    return vectors[[place[text] for text in texts]]


def embed_groups(encoder: Encoder, groups: Sequence[Sequence[str]]) -> list[Vectors]:
    """Embed groups of texts as `embed_texts` does; one array of shape (texts, d) a group."""
    vectors = embed_texts(encoder, [text for group in groups for text in group])
    return np.split(vectors, np.cumsum([len(group) for group in groups])[:-1])[: len(groups)]
