from collections.abc import Callable

import numpy as np
import pytest

from finegold.selection import Pool
from finegold.selection.pickers.herding import herding

MakePool = Callable[..., Pool]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("seed", range(5))
def test_equals_its_definition(make_pool: MakePool, seed: int) -> None:
    pool = make_pool(40, seed)
    assert pool.embeddings is not None
    points = pool.embeddings.astype(np.float64)
    units = points / np.linalg.norm(points, axis=1, keepdims=True)
    kernel = units @ units.T
    chosen: list[int] = []
    for t in range(15):
        value = kernel.mean(axis=1) - kernel[:, chosen].sum(axis=1) / (t + 1)
        value[chosen] = -np.inf
        chosen.append(int(np.argmax(value)))
    assert herding(pool, 15, RNG).tolist() == chosen


def test_the_mean_is_matched_better_than_at_random(make_pool: MakePool) -> None:
    pool = make_pool(500, 1)
    assert pool.embeddings is not None
    units = pool.embeddings / np.linalg.norm(pool.embeddings, axis=1, keepdims=True)
    gap = np.linalg.norm(units[herding(pool, 20, RNG)].mean(axis=0) - units.mean(axis=0))
    random_gaps = [
        np.linalg.norm(units[RNG.choice(500, 20, replace=False)].mean(axis=0) - units.mean(axis=0))
        for _ in range(50)
    ]
    assert gap < min(random_gaps)
