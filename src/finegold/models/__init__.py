"""Models: what answers questions about images, and tells how likely an answer is."""

from finegold.models.base import Model, Sampling
from finegold.models.registry import load_model

__all__ = ["Model", "Sampling", "load_model"]
