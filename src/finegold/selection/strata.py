"""Strata of quality: the parts that CCS picks from (Zheng et al. 2023, arXiv 2210.15809)."""

import numpy as np

from finegold.arrays import Floats, Ints


def score_strata(quality: Floats, strata: int) -> Ints:
    """Cut the range of quality into equally wide strata; shape (n,), 0 holds the lowest.

    Strata may be empty; a constant quality is one stratum.
    """
    if not len(quality) or quality.max() == quality.min():
        return np.zeros(len(quality), dtype=np.int64)
    place = (quality - quality.min()) / (quality.max() - quality.min()) * strata
    stratum: Ints = np.minimum(place.astype(np.int64), strata - 1)
    return stratum
