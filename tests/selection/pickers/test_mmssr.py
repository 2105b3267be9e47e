import numpy as np
import pytest

from finegold.arrays import Floats, Ints
from finegold.errors import ConfigError
from finegold.selection import PICKERS, Pool

NAN = float("nan")


def slow(indicators: Floats, groups: Ints, quality: Floats, budget: int) -> list[int]:
    """The same, row by row."""
    n, m = indicators.shape
    free, live = set(range(n)), list(range(m))
    chosen: list[int] = []
    while live and len(chosen) < budget:
        left = budget - len(chosen)
        for turn, c in enumerate(live[:]):
            share = left // len(live) + (1 if turn < left % len(live) else 0)
            can = [i for i in sorted(free) if np.isfinite(indicators[i, c])]
            share = min(share, len(can), budget - len(chosen))
            sizes = {g: sum(groups[i] == g for i in can) for g in sorted({int(groups[i]) for i in can})}
            order = sorted(sizes, key=lambda g: sizes[g])
            for done, g in enumerate(order):
                quota = min(sizes[g], share // (len(order) - done))
                best = sorted((i for i in can if groups[i] == g), key=lambda i: (-indicators[i, c], i))[
                    :quota
                ]
                chosen += best
                free -= set(best)
                share -= quota
        live = [c for c in live if any(np.isfinite(indicators[i, c]) for i in free)]
    chosen += sorted(free, key=lambda i: (-quality[i], i))[: budget - len(chosen)]
    return chosen


@pytest.mark.parametrize("seed", range(20))
def test_it_chooses_what_the_slow_way_chooses(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 40))
    indicators = np.round(random.normal(size=(n, 3)), 1)
    indicators[random.random((n, 3)) < 0.3] = NAN
    groups = random.integers(0, 4, n)
    quality = random.normal(size=n)
    pool = Pool(
        tuple(f"{i:03}" for i in range(n)),
        quality,
        np.zeros(n, dtype=np.int64),
        indicators=indicators,
        groups=groups,
    )
    budget = int(random.integers(1, n + 1))
    chosen = PICKERS["mmssr"](pool, budget, random).tolist()
    assert chosen == slow(indicators, groups, quality, budget)
    assert len(set(chosen)) == budget


def test_each_group_and_each_indicator_has_its_share() -> None:
    indicators = np.column_stack([np.arange(80.0), -np.arange(80.0)])
    groups = np.repeat([0, 1], [10, 70])
    pool = Pool(
        tuple(f"{i:02}" for i in range(80)),
        np.zeros(80),
        np.zeros(80, dtype=np.int64),
        indicators=indicators,
        groups=groups,
    )
    chosen = PICKERS["mmssr"](pool, 8, np.random.default_rng(0)).tolist()
    assert sorted(chosen) == [0, 1, 8, 9, 10, 11, 78, 79]


def test_indicators_are_needed() -> None:
    pool = Pool(("a",), np.zeros(1), np.zeros(1, dtype=np.int64))
    with pytest.raises(ConfigError, match="needs indicators"):
        PICKERS["mmssr"](pool, 1, np.random.default_rng(0))
