"""RDS+ round robin: targets take their nearest free rows in turn (Ivison et al. 2025, arXiv 2503.01807)."""

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.errors import ConfigError
from finegold.selection.pickers.edges import need_embeddings, unit_rows
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool, by_quality


@PICKERS.register("rds", needs={"embeddings", "targets"})
def rds(pool: Pool, budget: int, rng: np.random.Generator) -> Ints:  # noqa: ARG001
    """Targets take turns, in their order; each takes the row of highest cosine to it that is still free.

    Quality is not looked at. Cost O(n · targets · d).

    Raises:
        ConfigError: If the pool has no targets, or they are not as wide as its embeddings.
    """
    units = unit_rows(need_embeddings(pool))
    if pool.targets is None or not len(pool.targets):
        raise ConfigError(
            "this picker moves towards target examples, and there are none: name a file of them"
        )
    if pool.targets.shape[1] != units.shape[1]:
        raise ConfigError(
            f"the targets have {pool.targets.shape[1]} dimensions and the rows {units.shape[1]}; "
            "embed both with one encoder"
        )
    targets = unit_rows(pool.targets)
    depth = min(len(units), 4 * (budget // len(targets) + 1))
    lists = [_nearest(units, target, depth) for target in targets]
    at = [0] * len(targets)
    taken = np.zeros(len(units), dtype=bool)
    chosen: list[int] = []
    while True:
        for t in range(len(targets)):
            row = -1
            while row < 0 or taken[row]:
                if at[t] == len(lists[t]):
                    lists[t] = _nearest(units, targets[t], min(len(units), 4 * len(lists[t])))
                row = int(lists[t][at[t]])
                at[t] += 1
            taken[row] = True
            chosen.append(row)
            if len(chosen) == budget:
                return np.array(chosen, dtype=np.int64)


def _nearest(units: Vectors, target: Vectors, depth: int) -> Ints:
    """The `depth` rows of highest cosine to the target, ties to the lower index."""
    # Rounded, so that duplicated rows tie wherever they stand in the product.
    cosines: Floats = (units @ target).astype(np.float64).round(6)
    if depth == len(units):
        return by_quality(cosines)
    last = np.partition(cosines, len(units) - depth)[len(units) - depth]
    above = np.flatnonzero(cosines >= last)
    return above[by_quality(cosines[above])][:depth]
