from collections.abc import Callable

import numpy as np

from finegold.selection import Pool
from finegold.selection.pickers.typicality import typicality

MakePool = Callable[..., Pool]
RNG = np.random.default_rng(0)


def test_equals_its_definition(make_pool: MakePool) -> None:
    pool = make_pool(50, 1, neighbours=6)
    assert pool.embeddings is not None
    assert pool.graph is not None
    units = pool.embeddings / np.linalg.norm(pool.embeddings, axis=1, keepdims=True)
    mean = [(units[i] @ units[pool.graph.neighbours[i, :3]].T).mean() for i in range(50)]
    assert typicality(pool, 10, RNG, neighbours=3).tolist() == np.argsort(-np.array(mean))[:10].tolist()


def test_rows_that_lost_neighbours_count_those_left(make_pool: MakePool) -> None:
    whole = make_pool(50, 1)
    pool = whole.subset(np.arange(0, 50, 3))
    assert pool.graph is not None
    alone = np.array([(row < 0).all() for row in pool.graph.neighbours])
    assert alone.any()
    ranked = typicality(pool, len(pool), RNG)
    assert alone[ranked].tolist() == sorted(alone)
