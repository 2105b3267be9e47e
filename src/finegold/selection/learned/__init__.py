"""A quality function learnt from measured subsets: ridge on subset means, checked against a constant."""

from finegold.selection.learned.pairs import MeasuredSubset, read_pairs, write_pairs
from finegold.selection.learned.quality import (
    Evidence,
    LearnedQuality,
    fit_learned,
    fit_subset_means,
    subset_means,
)
from finegold.selection.learned.ridge import ALPHAS, fit_ridge, nested_predictions

__all__ = [
    "ALPHAS",
    "Evidence",
    "LearnedQuality",
    "MeasuredSubset",
    "fit_learned",
    "fit_ridge",
    "fit_subset_means",
    "nested_predictions",
    "read_pairs",
    "subset_means",
    "write_pairs",
]
