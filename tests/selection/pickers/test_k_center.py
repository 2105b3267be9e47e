import itertools
from collections.abc import Callable

import numpy as np
import pytest

from finegold.selection import Pool
from finegold.selection.pickers.k_center import k_center

MakePool = Callable[..., Pool]
RNG = np.random.default_rng(0)


def distances(pool: Pool) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    assert pool.embeddings is not None
    points = pool.embeddings.astype(np.float64)
    gaps = points[:, None] - points[None]
    return np.asarray(np.sqrt((gaps**2).sum(axis=2)))


@pytest.mark.parametrize("seed", range(5))
def test_equals_its_definition(make_pool: MakePool, seed: int) -> None:
    pool = make_pool(40, seed)
    apart = distances(pool)
    chosen = [int(np.argmax(pool.quality))]
    while len(chosen) < 15:
        chosen.append(int(np.argmax(apart[:, chosen].min(axis=1))))
    assert k_center(pool, 15, RNG).tolist() == chosen


def test_covers_within_twice_the_best_radius(make_pool: MakePool) -> None:
    apart = distances(make_pool(12, 3))
    best = min(apart[:, list(s)].min(axis=1).max() for s in itertools.combinations(range(12), 3))
    assert apart[:, k_center(make_pool(12, 3), 3, RNG)].min(axis=1).max() <= 2 * best + 1e-6
