"""Encoders: the image-text models behind scorers and clusters."""

from finegold.encoders.base import ENCODERS, Encoder, MakeEncoder, embed_groups, embed_texts, load_encoder

__all__ = ["ENCODERS", "Encoder", "MakeEncoder", "embed_groups", "embed_texts", "load_encoder"]
