"""Small pools for comparing pickers with direct implementations."""

from collections.abc import Callable

import numpy as np
import pytest

from finegold.clustering import knn_graph
from finegold.selection import Pool

MakePool = Callable[..., Pool]


@pytest.fixture(scope="session")
def make_pool() -> MakePool:
    """Build a pool; `levels` makes qualities and coordinates tie, `neighbours` is the graph's k."""

    def make(n: int, seed: int = 0, *, d: int = 5, levels: int | None = None, neighbours: int = 4) -> Pool:
        random = np.random.default_rng(seed)
        quality = random.normal(size=n)
        spots = random.normal(size=(n, d)) + 1
        if levels is not None:
            quality = np.round(quality * levels / 4)
            spots = np.round(spots * levels / 4)
        points = spots.astype(np.float32)
        indicators = np.stack([quality, random.normal(size=n)], axis=1)
        indicators[::7, 1] = np.nan
        return Pool(
            tuple(f"{i:05}" for i in range(n)),
            quality,
            np.zeros(n, dtype=np.int64),
            points,
            knn_graph(points, neighbours),
            indicators,
            random.normal(size=(3, d)).astype(np.float32) + 1,
        )

    return make
