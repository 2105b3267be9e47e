"""Encoders: the image-text models behind scorers and clusters."""

from finegold.encoders.base import Encoder, embed_texts
from finegold.encoders.registry import load_encoder

__all__ = ["Encoder", "embed_texts", "load_encoder"]
