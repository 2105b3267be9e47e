import numpy as np

from finegold.selection import Pool
from finegold.selection.pickers.top import top


def test_best_first_ties_to_the_lower_index() -> None:
    pool = Pool(tuple("abcde"), np.array([1.0, 3, 2, 3, -1]), np.zeros(5, dtype=np.int64))
    assert top(pool, 4, np.random.default_rng(0)).tolist() == [1, 3, 2, 0]
