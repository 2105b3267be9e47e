"""Scorers: one file an indicator."""

from finegold.scorers.base import Batch, Score, Scorer

__all__ = ["Batch", "Score", "Scorer"]
