"""Scorers: one file an indicator."""

from finegold.scorers.base import (
    NOT_IN_FINGERPRINT,
    Batch,
    Context,
    Corpus,
    Score,
    ScoreBatch,
    Scorer,
)
from finegold.scorers.registry import (
    SCORERS,
    is_automatic,
    make_scorer,
    parameter_names,
    scorer_class,
    scorer_from_text,
    scorer_label,
    scorer_name,
    scorer_parameters,
    stated_parameters,
    uses_encoder,
)

__all__ = [
    "NOT_IN_FINGERPRINT",
    "SCORERS",
    "Batch",
    "Context",
    "Corpus",
    "Score",
    "ScoreBatch",
    "Scorer",
    "is_automatic",
    "make_scorer",
    "parameter_names",
    "scorer_class",
    "scorer_from_text",
    "scorer_label",
    "scorer_name",
    "scorer_parameters",
    "stated_parameters",
    "uses_encoder",
]
