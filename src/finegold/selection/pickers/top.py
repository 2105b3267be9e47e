"""Take the best rows."""

import numpy as np

from finegold.arrays import Ints
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool, by_quality


@PICKERS.register("top")
def top(pool: Pool, budget: int, rng: np.random.Generator) -> Ints:  # noqa: ARG001
    """The `budget` rows of highest quality, best first; ties go to the lower index."""
    return by_quality(pool.quality)[:budget]
