"""Lazy greedy choice: take the row of highest value again and again, where values only ever fall.

Minoux 1978: a value from an earlier round is an upper bound, so most rows are never looked at twice.
"""

import heapq
from collections.abc import Callable

from finegold.arrays import Floats, Ints
from finegold.selection.pool import by_quality


def lazy_greedy(
    start: Floats, value: Callable[[int], float], take: Callable[[int], None], budget: int
) -> list[int]:
    """Choose `budget` rows by their value at the time, ties to the lower index.

    Args:
        start: Shape (n,), values before anything is chosen.
        value: The value of a row now; never above what it was before.
        take: Told each chosen row, so that the values of others can fall.
        budget: At most n.
    """
    order: Ints = by_quality(start)
    fallen: list[tuple[float, int]] = []
    chosen: list[int] = []
    at = 0
    while len(chosen) < budget:
        untouched = (-float(start[order[at]]), int(order[at])) if at < len(order) else None
        if untouched is not None and (not fallen or untouched < fallen[0]):
            row = untouched[1]
            at += 1
        else:
            row = heapq.heappop(fallen)[1]
        now = (-value(row), row)
        behind_untouched = at < len(order) and (-float(start[order[at]]), int(order[at])) < now
        if behind_untouched or (fallen and fallen[0] < now):
            heapq.heappush(fallen, now)
            continue
        chosen.append(row)
        take(row)
    return chosen
