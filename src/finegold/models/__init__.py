"""Models that answer questions about images and compute the likelihood of given answers."""

from finegold.models.base import Dialogue, Model, NoLosses, Sampling
from finegold.models.kept_losses import KeptLosses
from finegold.models.registry import engine_of, load_model

__all__ = ["Dialogue", "KeptLosses", "Model", "NoLosses", "Sampling", "engine_of", "load_model"]
