import numpy as np

from finegold.selection import Pool
from finegold.selection.pickers.random import random


def test_every_row_is_as_likely() -> None:
    pool = Pool(tuple("abcdefghij"), np.arange(10.0), np.zeros(10, dtype=np.int64))
    rng = np.random.default_rng(0)
    counts = np.bincount(np.concatenate([random(pool, 3, rng) for _ in range(2000)]))
    assert counts.min() > 520
    assert counts.max() < 680
