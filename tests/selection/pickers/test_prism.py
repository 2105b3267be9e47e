from collections.abc import Callable

import numpy as np

from finegold.selection import Pool
from finegold.selection.pickers.prism import prism, redundancy

MakePool = Callable[..., Pool]


def test_redundancy_is_the_mean_cosine_to_all_others(make_pool: MakePool) -> None:
    pool = make_pool(50, 2)
    assert pool.embeddings is not None
    centred = pool.embeddings - pool.embeddings.mean(axis=0)
    units = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    cosines = units @ units.T
    slow = np.array([np.delete(cosines[i], i).mean() for i in range(50)])
    np.testing.assert_allclose(redundancy(pool.embeddings), slow, atol=1e-6)
    assert prism(pool, 10, np.random.default_rng(0)).tolist() == np.argsort(slow)[:10].tolist()


def test_a_row_alone_and_equal_rows() -> None:
    assert redundancy(np.ones((1, 3), dtype=np.float32)).tolist() == [0]
    assert redundancy(np.ones((4, 3), dtype=np.float32)).tolist() == [0, 0, 0, 0]
