"""Encoders: the image-text models behind scorers and clusters."""

from finegold.encoders.base import Encoder

__all__ = ["Encoder"]
