"""Take rows at random: the baseline that a selector has to beat."""

import numpy as np

from finegold.arrays import Ints
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool


@PICKERS.register("random", seeded=True)
def random(pool: Pool, budget: int, rng: np.random.Generator) -> Ints:
    """`budget` rows drawn without replacement, all alike, in the order drawn."""
    return rng.permutation(len(pool))[:budget].astype(np.int64)
