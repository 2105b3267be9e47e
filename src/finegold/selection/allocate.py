"""Turn the sizes of a pool's parts and a budget into quotas.

Every allocator takes the pool and a budget of at most its rows, and returns one quota a part: quotas sum to
the budget and none is larger than its part.
"""

from collections.abc import Callable

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.selection.pool import Pool, by_quality

Allocator = Callable[[Pool, int], Ints]
"""(pool, budget) -> quotas, shape (parts,)."""


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
    """For labels in some order, how many of the same label came before each."""
    order = np.argsort(labels, kind="stable")
    place = np.empty(len(labels), dtype=np.int64)
    place[order] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place


def largest_remainder(pool: Pool, budget: int) -> Ints:
    """In proportion to size (Hamilton's method); what rounding down leaves goes to the largest remainders."""
    sizes = pool.sizes()
    return share_out(sizes.astype(np.float64), sizes, budget)


def equal(pool: Pool, budget: int) -> Ints:
    """The same for every part; what a small part cannot use is shared among the others."""
    sizes = pool.sizes()
    return share_out(np.ones(len(sizes)), sizes, budget)


def square_root(pool: Pool, budget: int) -> Ints:
    """In proportion to the square root of size: between proportional and equal."""
    sizes = pool.sizes()
    return share_out(np.sqrt(sizes), sizes, budget)


def share_out(shares: Floats, sizes: Ints, budget: int) -> Ints:
    """Split a budget in proportion to shares, no part beyond its size.

    Parts that would get more than they have are filled and leave; the rest is split again among the others.
    Whole numbers come from rounding down and giving what is left to the largest remainders, ties to the lower
    part.

    Args:
        shares: Shape (parts,), not negative. Parts of share 0 get rows only when all others are full.
        sizes: Shape (parts,), summing to at least the budget.
        budget: Rows to share out.
    """
    ideal = np.zeros(len(sizes))
    full = sizes == 0
    while not full.all():
        open_shares = np.where(full, 0.0, shares)
        if open_shares.sum() <= 0:
            open_shares = (~full).astype(np.float64)
        left = budget - sizes[full].sum()
        ideal = np.where(full, sizes, left * open_shares / open_shares.sum())
        over = ~full & (ideal > sizes)
        if not over.any():
            break
        full |= over
    quotas = np.minimum(np.floor(ideal + 1e-9).astype(np.int64), sizes)
    while (missing := budget - int(quotas.sum())) > 0:
        remainder = np.where(quotas < sizes, ideal - quotas, -np.inf)
        # Rounded, so that remainders that are equal on paper tie.
        order = np.argsort(-np.round(remainder, 9), kind="stable")
        takers = order[: min(missing, int((quotas < sizes).sum()))]
        quotas[takers] += 1
    return quotas


ALLOCATORS: dict[str, Allocator] = {
    "floor": floor,
    "largest-remainder": largest_remainder,
    "equal": equal,
    "square-root": square_root,
}
