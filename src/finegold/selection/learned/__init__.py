"""What measured subsets teach: a quality by ridge on their means, and which mixture of sources is best."""

from finegold.selection.learned.mixture_fit import MixtureFit, MixtureModel, fit_mixture
from finegold.selection.learned.mixtures import MeasuredMixture, read_mixtures
from finegold.selection.learned.pairs import MeasuredSubset, read_pairs, write_pairs
from finegold.selection.learned.quality import (
    HELD_OUT,
    Evidence,
    LearnedQuality,
    fit_learned,
    fit_subset_means,
    subset_means,
)
from finegold.selection.learned.ridge import ALPHAS, fit_ridge, nested_predictions

__all__ = [
    "ALPHAS",
    "HELD_OUT",
    "Evidence",
    "LearnedQuality",
    "MeasuredMixture",
    "MeasuredSubset",
    "MixtureFit",
    "MixtureModel",
    "fit_learned",
    "fit_mixture",
    "fit_ridge",
    "fit_subset_means",
    "nested_predictions",
    "read_mixtures",
    "read_pairs",
    "subset_means",
    "write_pairs",
]
