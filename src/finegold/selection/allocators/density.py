"""COINCIDE's allocator: less from dense clusters, more from transferable ones (arXiv 2406.10995)."""

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.errors import ConfigError
from finegold.selection.pickers.edges import unit_rows
from finegold.selection.plugins import ALLOCATORS
from finegold.selection.pool import Pool
from finegold.selection.shares import share_out

SAMPLE = 1_000
"""Rows of a cluster that its density is measured on."""
TEMPERATURE = 0.1
TOO_CLOSE = 0.9
"""Centroids of a higher cosine do not count towards transferability, as in the published code."""


@ALLOCATORS.register("density-transferability", needs={"embeddings"})
def density_transferability(pool: Pool, budget: int) -> Ints:
    """Quotas in proportion to exp(S_c / (0.1 · D_c)); what a part cannot use is shared among the others.

    Transferability S_c is the mean cosine of a part's centroid to the others' centroids, density D_c the mean
    of exp(-|x - y|² / 2) over pairs of different rows of the part, embeddings scaled to length one. A part of
    more than 1,000 rows is measured on 1,000 of them, evenly spaced in the order of ids. A part of one row
    has density 1.

    Raises:
        ConfigError: If the pool has no embeddings.
    """
    if pool.embeddings is None:
        raise ConfigError("allocation by density needs image embeddings; embed the images first")
    embeddings = pool.embeddings
    sizes = pool.sizes()
    members = np.split(np.argsort(pool.labels, kind="stable"), np.cumsum(sizes)[:-1])
    centroids = np.zeros((len(sizes), embeddings.shape[1]))
    density = np.ones(len(sizes))
    for part, rows in enumerate(members):
        if len(rows):
            centroids[part] = unit_rows(embeddings[rows]).mean(axis=0, dtype=np.float64)
            density[part] = _density(unit_rows(embeddings[_evenly(rows)]))
    filled = sizes > 0
    transferability = np.zeros(len(sizes))
    transferability[filled] = _transferability(centroids[filled])
    exponent = np.where(filled, transferability / (TEMPERATURE * density), -np.inf)
    return share_out(np.exp(exponent - exponent.max(initial=-np.inf)), sizes, budget)


def _evenly(rows: Ints) -> Ints:
    if len(rows) <= SAMPLE:
        return rows
    return rows[np.arange(SAMPLE) * len(rows) // SAMPLE]


def _density(units: Vectors) -> float:
    if len(units) < 2:
        return 1.0
    kernel = np.exp((units @ units.T).astype(np.float64) - 1)
    return float((kernel.sum() - np.trace(kernel)) / (len(units) * (len(units) - 1)))


def _transferability(centroids: Floats) -> Floats:
    """Mean cosine of each centroid to the others that are not too close; 0 if there is none."""
    norms = np.linalg.norm(centroids, axis=1, keepdims=True)
    directions = centroids / np.where(norms > 0, norms, 1)
    cosines = directions @ directions.T
    counted = cosines <= TOO_CLOSE
    np.fill_diagonal(counted, False)
    total = np.where(counted, cosines, 0).sum(axis=1)
    result: Floats = total / np.maximum(counted.sum(axis=1), 1)
    return result
