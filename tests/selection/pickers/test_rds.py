from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from finegold.errors import ConfigError
from finegold.selection import Pool
from finegold.selection.pickers.rds import rds

MakePool = Callable[..., Pool]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("budget", [1, 3, 10, 60])
@pytest.mark.parametrize("levels", [None, 3])
def test_equals_its_definition(make_pool: MakePool, budget: int, levels: int | None) -> None:
    pool = make_pool(60, 4, levels=levels)
    assert pool.embeddings is not None
    assert pool.targets is not None
    points = pool.embeddings
    alike_targets = np.concatenate([pool.targets[:1]] * 3 + [pool.targets])
    pool = replace(pool, targets=alike_targets)
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    units = points / np.where(norms > 0, norms, 1)
    targets = alike_targets / np.linalg.norm(alike_targets, axis=1, keepdims=True)
    cosines = np.round((units @ targets.T).astype(np.float64), 6)
    chosen: list[int] = []
    while len(chosen) < budget:
        for t in range(len(targets)):
            free = [i for i in range(60) if i not in chosen]
            if len(chosen) < budget:
                chosen.append(max(free, key=lambda i, t=t: (cosines[i, t], -i)))  # type: ignore[misc]
    assert rds(pool, budget, RNG).tolist() == chosen


def test_targets_that_do_not_fit_are_named(make_pool: MakePool) -> None:
    pool = make_pool(10)
    with pytest.raises(ConfigError, match="there are none"):
        rds(replace(pool, targets=None), 2, RNG)
    with pytest.raises(ConfigError, match="9 dimensions and the rows 5"):
        rds(replace(pool, targets=np.ones((2, 9), dtype=np.float32)), 2, RNG)
