"""Pinned rows: they are chosen first, and count to the quotas of their groups and clusters."""

import numpy as np

from finegold.arrays import Ints
from finegold.selection.shares import share_out


def quotas_with_pins(quotas: Ints, pinned: Ints) -> Ints:
    """Quotas of the same sum in which each part has room for its pinned rows.

    A part with more pinned rows than its quota gets that many. The others give up rows in proportion to what
    they have beside their own pinned rows.

    Args:
        quotas: Shape (parts,).
        pinned: Shape (parts,), pinned rows of each part, at most `quotas.sum()` in all.
    """
    spare = np.maximum(quotas - pinned, 0)
    left = int(quotas.sum() - pinned.sum())
    if int(spare.sum()) == left:
        return np.maximum(quotas, pinned)
    return pinned + share_out(spare.astype(np.float64), spare, left)
