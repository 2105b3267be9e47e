"""Split a budget among parts in proportion to shares."""

import numpy as np

from finegold.arrays import Floats, Ints


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
