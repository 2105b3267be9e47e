"""Kernel herding: hold the mean of the chosen at the mean of all (Chen et al. 2010, arXiv 1203.3472)."""

import numpy as np

from finegold.arrays import Ints
from finegold.selection.pickers.edges import need_embeddings, unit_rows
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool


@PICKERS.register("herding", needs={"embeddings"}, sees_pinned=True, most=2**31)
def herding(pool: Pool, budget: int, rng: np.random.Generator) -> Ints:  # noqa: ARG001
    """Take argmax over x of mean_y k(x, y) - sum over chosen s of k(x, s) / (t + 1), t rows being chosen.

    The kernel is the cosine, so the means of the embeddings are matched; COINCIDE (arXiv 2406.10995) does
    this in each cluster. Quality is not looked at. Cost O(n · budget · d): meant for clusters rather than a
    whole large pool. Of more than 2^31 rows x budget `select` gives it a sample.
    """
    units = unit_rows(need_embeddings(pool))
    towards_mean = units @ units.mean(axis=0, dtype=np.float64).astype(np.float32)
    towards_chosen = np.zeros(len(units), dtype=np.float32)
    free = np.ones(len(units), dtype=bool)
    chosen = np.empty(budget, dtype=np.int64)
    pinned = list(pool.pinned)
    free[pinned] = False
    towards_chosen += units @ units[pinned].sum(axis=0)
    for t in range(len(pinned), len(pinned) + budget):
        value = np.where(free, towards_mean - towards_chosen / (t + 1), -np.inf)
        row = int(np.argmax(value))
        chosen[t - len(pinned)] = row
        free[row] = False
        towards_chosen += units @ units[row]
    return chosen
