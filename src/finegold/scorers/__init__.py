"""Scorers: one file an indicator."""

from finegold.scorers.base import Batch, Corpus, Score, Scorer

__all__ = ["Batch", "Corpus", "Score", "Scorer"]
