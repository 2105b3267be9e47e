"""The quality of the preset `mm-lima`: the trained selector's score of the columns that a pool has."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finegold.arrays import Floats
from finegold.errors import ConfigError
from finegold.instructiongpt4.published import FEATURES, INDICATORS, SCALES
from finegold.instructiongpt4.selector import read_selector

RELEASED_MEANS: Mapping[str, float] = {"clip": 30.84, "reward": 4.45, "length": 3.74, "gpt": 90.5}
"""Means over the released 3,439 rows. PCA makes the mean of each axis 0."""
RELEASED_DEVIATIONS: Mapping[str, float] = {"clip": 3.84, "reward": 2.18, "length": 1.60, "gpt": 6.8}
FAR = 3.0
"""A column is called foreign if its mean is this many released deviations from the released mean."""


@dataclass(frozen=True, slots=True)
class MmLimaQuality:
    """Scores of the trained selector, and the columns that they were made from.

    Attributes:
        values: Shape (n,), on the scale of the training labels; NaN for a row that lacks a used column.
        used: Columns that the scores were computed from.
        foreign: Used indicators whose mean is far from the one that the selector was shown, with that mean.
    """

    values: Floats
    used: tuple[str, ...]
    foreign: Mapping[str, float]


def mm_lima_quality(columns: Mapping[str, Floats], checkpoint: Path) -> MmLimaQuality:
    """Score a pool with a selector in the published layout.

    A column that the pool lacks is set to its mean over the released data, so that it tells no row from
    another. The axes of the twelve PCA columns are not published, and flipping their signs alone changes most
    of the selection, so none is computed here: they count only if `columns` holds them.

    Args:
        columns: Name of `FEATURES` to shape (n,), unscaled, NaN where a row has no value; among them at least
            one of clip, reward, length and gpt.
        checkpoint: File with the selector's tensors.

    Returns:
        Scores; a row's score depends on the whole pool, as published, at a cost of its square.

    Raises:
        ConfigError: If `columns` holds no indicator.
        ModelError: If the checkpoint cannot be used.
    """
    used = tuple(name for name in FEATURES if name in columns and np.isfinite(columns[name]).any())
    if not set(used) & set(INDICATORS):
        raise ConfigError(
            f"the preset 'mm-lima' found none of its indicators {', '.join(INDICATORS)}: score one of clip, "
            "reward, length and llm first"
        )
    rows = len(next(iter(columns.values())))
    features = np.empty((rows, len(FEATURES)))
    for place, name in enumerate(FEATURES):
        column = columns[name] if name in used else RELEASED_MEANS.get(name, 0.0)
        features[:, place] = SCALES.get(name, 1.0) * column
    complete = np.isfinite(features).all(axis=1)
    values = np.full(rows, np.nan)
    values[complete] = read_selector(checkpoint).score(features[complete])
    means = {name: float(np.nanmean(columns[name])) for name in INDICATORS if name in used}
    foreign = {
        name: mean
        for name, mean in means.items()
        if abs(mean - RELEASED_MEANS[name]) > FAR * RELEASED_DEVIATIONS[name]
    }
    return MmLimaQuality(values, used, foreign)
