"""Encoders: the image-text models behind scorers and clusters."""

from finegold.encoders.base import Encoder
from finegold.encoders.registry import load_encoder
from finegold.encoders.texts import embed_texts

__all__ = ["Encoder", "embed_texts", "load_encoder"]
