from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from finegold.selection import Pool
from finegold.selection.pickers.dpp import dpp

MakePool = Callable[..., Pool]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("seed", range(5))
def test_equals_greedy_over_determinants(make_pool: MakePool, seed: int) -> None:
    pool = make_pool(30, seed)
    assert pool.embeddings is not None
    points = pool.embeddings.astype(np.float64)
    units = points / np.linalg.norm(points, axis=1, keepdims=True)
    quality = (pool.quality - pool.quality.min()) / np.ptp(pool.quality)
    weight = np.exp(quality)
    matrix = weight[:, None] * np.exp((units @ units.T - 1) / 0.25) * weight
    chosen: list[int] = []
    for _ in range(10):
        volumes = {
            i: np.linalg.slogdet(matrix[np.ix_([*chosen, i], [*chosen, i])])[1]
            for i in range(30)
            if i not in chosen
        }
        chosen.append(max(volumes, key=lambda i: (volumes[i], -i)))
    assert dpp(pool, 10, RNG).tolist() == chosen


def test_copies_come_last_and_by_quality(make_pool: MakePool) -> None:
    pool = make_pool(8, 1)
    assert pool.embeddings is not None
    doubled = Pool(
        tuple(f"{i:02}" for i in range(16)),
        np.concatenate([pool.quality, pool.quality - 100]),
        np.zeros(16, dtype=np.int64),
        np.concatenate([pool.embeddings, pool.embeddings]),
    )
    chosen = dpp(replace(doubled), 12, RNG)
    assert set(chosen[:8]) == set(range(8))
    assert (chosen[8:] - 8).tolist() == np.argsort(-pool.quality)[:4].tolist()
