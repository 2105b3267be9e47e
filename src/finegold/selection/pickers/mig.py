"""MIG: add the row that tells most that is new (Chen et al. 2025, arXiv 2504.13835), with clusters for tags.

MIG spreads a row's score over its tags and over tags like them, and maximises the sum over tags of a concave
function of what they hold. Images have no tags: soft membership in k-means clusters takes their place.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.selection.pickers.edges import need_embeddings, unit_quality, unit_rows
from finegold.selection.pickers.lazy import lazy_greedy
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool

SAMPLE = 20_000
"""Rows that the concepts are learnt from."""
BLOCK = 8_192


@dataclass(frozen=True, slots=True)
class Concepts:
    """Soft membership of n rows in concepts, and what a row in a concept tells about the others.

    Attributes:
        nearest: Shape (n, m), concepts of each row.
        membership: Shape (n, m), positive, summing to 1 a row.
        spread: Shape (concepts, concepts), rows summing to 1.
    """

    nearest: Ints
    membership: Floats
    spread: Floats

    def information(self, rows: Ints) -> Floats:
        """What rows of quality 1 put into each concept, shape (rows, concepts)."""
        result: Floats = np.einsum("im,imc->ic", self.membership[rows], self.spread[self.nearest[rows]])
        return result


@PICKERS.register("mig", needs={"embeddings"}, seeded=True, sees_pinned=True)
def mig(
    pool: Pool,
    budget: int,
    rng: np.random.Generator,
    *,
    concepts: int = 100,
    memberships: int = 3,
    temperature: float = 0.1,
    power: float = 0.8,
) -> Ints:
    """Maximise the sum over concepts of z^power, z being what the chosen rows put into each; lazy greedy.

    Row x puts q_x · m_x P into the concepts: its quality, scaled to [0, 1], times its membership, spread to
    concepts that are alike.

    Args:
        pool: Rows with embeddings.
        budget: Rows to choose.
        rng: Random numbers for learning the concepts.
        concepts: Number of k-means clusters that stand for tags, at most a quarter of the rows.
        memberships: Concepts a row belongs to.
        temperature: Temperature of the softmax of cosines that gives memberships and the spread.
        power: Below 1: the second row of a concept is worth less than the first.
    """
    units = unit_rows(need_embeddings(pool))
    learnt = learn_concepts(units, rng, max(1, min(concepts, len(units) // 4)), memberships, temperature)
    quality = unit_quality(pool.quality)
    held = np.zeros(len(learnt.spread))
    value = np.zeros(len(held))

    def gains(rows: Ints) -> Floats:
        after = held + quality[rows, None] * learnt.information(rows)
        result: Floats = (after**power - value).sum(axis=1).round(10)
        return result

    def take(row: int) -> None:
        held[:] += quality[row] * learnt.information(np.array([row]))[0]
        value[:] = held**power

    start = np.empty(len(units))
    for at in range(0, len(units), BLOCK):
        rows = np.arange(at, min(at + BLOCK, len(units)))
        start[rows] = ((quality[rows, None] * learnt.information(rows)) ** power).sum(axis=1)
    # A hair above, so that a start is a bound in spite of rounding.
    return lazy_greedy(start + 1e-9, gains, take, budget, pool.pinned)


def learn_concepts(
    units: Vectors, rng: np.random.Generator, concepts: int, memberships: int, temperature: float
) -> Concepts:
    """Concepts by spherical k-means of at most 20,000 rows; memberships of all rows by softmax of cosines."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    sample = units
    if len(units) > SAMPLE:
        sample = units[np.sort(rng.choice(len(units), SAMPLE, replace=False))]
    with warnings.catch_warnings():
        # Fewer different rows than concepts: some concepts are then the same, which harms nothing.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(concepts, random_state=int(rng.integers(2**31)), n_init=1).fit(sample)
    centres = unit_rows(model.cluster_centers_)
    spread = np.exp((centres @ centres.T - 1) / temperature).astype(np.float64)
    spread /= spread.sum(axis=1, keepdims=True)
    memberships = min(memberships, concepts)
    nearest = np.empty((len(units), memberships), dtype=np.int64)
    membership = np.empty((len(units), memberships))
    for start in range(0, len(units), BLOCK):
        cosines = units[start : start + BLOCK] @ centres.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :memberships]
        closest = np.take_along_axis(cosines, order, axis=1).astype(np.float64)
        weight = np.exp((closest - closest[:, :1]) / temperature)
        nearest[start : start + BLOCK] = order
        membership[start : start + BLOCK] = weight / weight.sum(axis=1, keepdims=True)
    return Concepts(nearest, membership, spread)
