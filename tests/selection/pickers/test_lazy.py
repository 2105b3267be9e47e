import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finegold.arrays import Floats, Ints
from finegold.selection.pickers.lazy import lazy_greedy


@given(st.integers(1, 25), st.integers(0, 999))
def test_equals_plain_greedy_when_values_only_fall(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    start = random.integers(0, 6, n).astype(np.float64)
    falls = random.integers(0, 3, (n, n)).astype(np.float64)
    budget = int(random.integers(1, n + 1))

    value = start.copy()
    slow: list[int] = []
    for _ in range(budget):
        row = max((i for i in range(n) if i not in slow), key=lambda i: (value[i], -i))
        slow.append(row)
        value -= falls[row]

    now = start.copy()

    def take(row: int) -> None:
        np.subtract(now, falls[row], out=now)

    assert lazy_greedy(start, lambda rows: now[rows], take, budget).tolist() == slow


def test_rows_that_cannot_win_are_not_looked_at() -> None:
    asked: list[int] = []

    def look(rows: Ints) -> Floats:
        asked.extend(rows.tolist())
        return -rows.astype(np.float64)

    lazy_greedy(-np.arange(1000.0), look, lambda row: None, 10)
    assert asked == list(range(10))
