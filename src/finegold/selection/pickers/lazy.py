"""Lazy greedy choice: take the row of highest value again and again, where values only ever fall.

Minoux 1978: a value from an earlier round is an upper bound, so most rows are never looked at twice. Rows
whose bound is in the way are looked at in groups of 1, 2, 4, ... 256, since values of many rows at once cost
little more than one.
"""

import heapq
from collections.abc import Callable, Sequence

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.selection.pool import by_quality

MOST_AT_ONCE = 256


def lazy_greedy(
    start: Floats,
    values: Callable[[Ints], Floats],
    take: Callable[[int], None],
    budget: int,
    pinned: Sequence[int] = (),
) -> Ints:
    """Choose `budget` rows by their value at the time, ties to the lower index.

    Args:
        start: Shape (n,), bounds on the values before anything is chosen.
        values: The values of some rows now; never above what they were before.
        take: Called with each chosen row, so that the values of others can fall.
        budget: At most n, less the pinned rows.
        pinned: Rows that are chosen before the first one, and are not among the answer.

    Returns:
        Row indices in the order chosen, shape (budget,).
    """
    never = np.zeros(len(start), dtype=np.bool_)
    never[list(pinned)] = True
    for row in pinned:
        take(row)
    queue = _Queue(np.where(never, -np.inf, start))
    chosen = np.empty(budget, dtype=np.int64)
    for t in range(budget):
        known: set[int] = set()
        at_once = 1
        while (row := queue.peek()[1]) not in known:
            rows: list[int] = []
            while len(rows) < at_once and queue and queue.peek()[1] not in known:
                rows.append(queue.pop())
            now = np.where(never[rows], -np.inf, values(np.array(rows)))
            for looked_at, value in zip(rows, now, strict=True):
                queue.push(looked_at, float(value))
            known.update(rows)
            at_once = min(2 * at_once, MOST_AT_ONCE)
        chosen[t] = queue.pop()
        take(row)
    return chosen


class _Queue:
    """Rows by value. Those never pushed again stay in one sorted array: a million tuples would be 120 MB."""

    def __init__(self, start: Floats) -> None:
        self._start = start
        self._order = by_quality(start)
        self._at = 0
        self._pushed: list[tuple[float, int]] = []

    def __bool__(self) -> bool:
        return bool(self._pushed) or self._at < len(self._order)

    def peek(self) -> tuple[float, int]:
        """The highest value, negative, and its row."""
        if self._at == len(self._order):
            return self._pushed[0]
        row = int(self._order[self._at])
        untouched = (-float(self._start[row]), row)
        return min(untouched, self._pushed[0]) if self._pushed else untouched

    def pop(self) -> int:
        row = self.peek()[1]
        if self._pushed and self._pushed[0][1] == row:
            heapq.heappop(self._pushed)
        else:
            self._at += 1
        return row

    def push(self, row: int, value: float) -> None:
        heapq.heappush(self._pushed, (-value, row))
