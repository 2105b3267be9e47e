"""Allocators that look at the sizes of a pool's groups, and at where the best rows are."""

import numpy as np

from finegold.arrays import Ints
from finegold.selection.plugins import ALLOCATORS
from finegold.selection.pool import Pool, by_quality
from finegold.selection.shares import share_out


@ALLOCATORS.register("floor")
def floor(pool: Pool, budget: int) -> Ints:
    """The quotas of InstructionGPT-4's released code (arXiv 2308.12067).

    A part of n_c of the N rows offers its m_c = max(1, floor(alpha · n_c / N)) best rows, where alpha is the
    smallest whole number, at least the budget, whose offers reach the budget. The best `budget` of all offers
    are kept. The published code has alpha = 204 for 200 of 3,439 rows, which this rule finds.
    """
    sizes = pool.sizes()
    low, high = budget, max(budget, len(pool))
    while low < high:
        middle = (low + high) // 2
        if _offers(sizes, middle).sum() >= budget:
            high = middle
        else:
            low = middle + 1
    offers = _offers(sizes, low)
    ranked = by_quality(pool.quality)
    place = _place_in_part(pool.labels[ranked], sizes)
    kept = ranked[place < offers[pool.labels[ranked]]][:budget]
    return np.bincount(pool.labels[kept], minlength=len(sizes)).astype(np.int64)


def _offers(sizes: Ints, alpha: int) -> Ints:
    offers: Ints = np.minimum(sizes, np.maximum(1, alpha * sizes // sizes.sum()))
    return offers


def _place_in_part(labels: Ints, sizes: Ints) -> Ints:
    """How many equal labels came before each label of a sequence."""
    order = np.argsort(labels, kind="stable")
    place = np.empty(len(labels), dtype=np.int64)
    place[order] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place


@ALLOCATORS.register("largest-remainder")
def largest_remainder(pool: Pool, budget: int) -> Ints:
    """Quotas in proportion to size (Hamilton's method); the rest goes to the largest remainders."""
    sizes = pool.sizes()
    return share_out(sizes.astype(np.float64), sizes, budget)


@ALLOCATORS.register("equal")
def equal(pool: Pool, budget: int) -> Ints:
    """Equal quotas; what a small part cannot use is shared among the others."""
    sizes = pool.sizes()
    return share_out(np.ones(len(sizes)), sizes, budget)


@ALLOCATORS.register("square-root")
def square_root(pool: Pool, budget: int) -> Ints:
    """Quotas in proportion to the square root of size: between proportional and equal."""
    sizes = pool.sizes()
    return share_out(np.sqrt(sizes), sizes, budget)


@ALLOCATORS.register("smallest-first")
def smallest_first(pool: Pool, budget: int) -> Ints:
    """An equal share a part, the smallest first; what it cannot use passes on (XMAS, arXiv 2510.01454).

    The same as `equal` but for the odd rows that do not divide: here they end in the largest parts.
    """
    sizes = pool.sizes()
    quotas = np.zeros(len(sizes), dtype=np.int64)
    left = budget
    order = np.argsort(sizes, kind="stable")
    for done, part in enumerate(order):
        quotas[part] = min(int(sizes[part]), left // (len(order) - done))
        left -= int(quotas[part])
    return quotas


@ALLOCATORS.register("clusters-plus-best")
def clusters_plus_best(pool: Pool, budget: int) -> Ints:
    """One row for every part and the rest to the best rows wherever they are (CaR, arXiv 2402.18191).

    With fewer rows than parts, the parts with the best rows have one each.
    """
    sizes = pool.sizes()
    ranked = by_quality(pool.quality)
    first = _place_in_part(pool.labels[ranked], sizes) == 0
    kept = np.concatenate([ranked[first], ranked[~first]])[:budget]
    return np.bincount(pool.labels[kept], minlength=len(sizes)).astype(np.int64)
