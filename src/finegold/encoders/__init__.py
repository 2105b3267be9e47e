"""Encoders: the image-text models behind scorers and clusters, and text encoders."""

from finegold.encoders.base import (
    ENCODERS,
    Encoder,
    MakeEncoder,
    TextEncoder,
    embed_groups,
    embed_texts,
    load_encoder,
)
from finegold.encoders.spaces import Space
from finegold.encoders.text import MINILM, load_text_encoder

__all__ = [
    "ENCODERS",
    "MINILM",
    "Encoder",
    "MakeEncoder",
    "Space",
    "TextEncoder",
    "embed_groups",
    "embed_texts",
    "load_encoder",
    "load_text_encoder",
]
