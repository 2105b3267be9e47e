from collections.abc import Callable

import numpy as np
import pytest

from finegold.selection import Pool
from finegold.selection.pickers.deita import deita

MakePool = Callable[..., Pool]
RNG = np.random.default_rng(0)


def slow(pool: Pool, budget: int, threshold: float) -> list[int]:
    assert pool.embeddings is not None
    # The units are float32 by definition: a cosine at the threshold is judged by them.
    norms = np.linalg.norm(pool.embeddings, axis=1, keepdims=True)
    units = (pool.embeddings / np.where(norms > 0, norms, 1)).astype(np.float64)
    taken: list[int] = []
    passed: list[int] = []
    for i in sorted(range(len(pool)), key=lambda i: (-pool.quality[i], i)):
        alike = any(units[i] @ units[j] >= threshold for j in taken)
        (passed if alike else taken).append(i)
    return (taken + passed)[:budget] if len(taken) < budget else taken[:budget]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [None, 3])
@pytest.mark.parametrize("block", [1, 7, 1024])
def test_equals_its_definition_whatever_the_block(
    make_pool: MakePool, seed: int, levels: int | None, block: int
) -> None:
    pool = make_pool(90, seed, levels=levels)
    for budget in (5, 30, 90):
        assert deita(pool, budget, RNG, threshold=0.85, block=block).tolist() == slow(pool, budget, 0.85)
