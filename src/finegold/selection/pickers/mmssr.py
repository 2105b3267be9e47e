"""mmSSR: capabilities share the budget, and each takes its best rows equally from every group of rows.

Lyu et al. 2025 (arXiv 2503.13383). The paper's capabilities are 14 scores of a tuned model, its groups the
styles of interaction within each source.
"""

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.errors import ConfigError
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool, by_quality


@PICKERS.register("mmssr", needs={"indicators"})
def mmssr(pool: Pool, budget: int, rng: np.random.Generator) -> Ints:  # noqa: ARG001
    """Indicators share the budget equally; each takes its highest rows, in equal shares of the groups.

    Within an indicator's share, groups give equal numbers, the smallest first; what a group lacks passes on
    to the larger ones. An indicator that applies to no further row drops out, and the rest of the budget is
    shared again. When all are exhausted, the rows of highest quality fill up. Ties go to the lower index.
    Without groups the pool is one.

    Raises:
        ConfigError: If the pool has no indicators.
    """
    if pool.indicators is None:
        raise ConfigError("mmssr needs indicators, and none counts here; score some first")
    groups = np.zeros(len(pool), dtype=np.int64) if pool.groups is None else pool.groups
    free = np.ones(len(pool), dtype=np.bool_)
    chosen: list[int] = []
    live = list(range(pool.indicators.shape[1]))
    while live and len(chosen) < budget:
        left = budget - len(chosen)
        for turn, column in enumerate(list(live)):
            share = left // len(live) + (turn < left % len(live))
            taken = _best_of_groups(
                pool.indicators[:, column], groups, free, min(share, budget - len(chosen))
            )
            free[taken] = False
            chosen += taken.tolist()
        live = [c for c in live if (free & np.isfinite(pool.indicators[:, c])).any()]
    rest = by_quality(pool.quality)
    chosen += rest[free[rest]][: budget - len(chosen)].tolist()
    return np.array(chosen, dtype=np.int64)


def _best_of_groups(
    values: Floats, groups: Ints, free: np.ndarray[tuple[int], np.dtype[np.bool_]], budget: int
) -> Ints:
    """Up to `budget` free rows of highest value, in equal numbers of each group, the smallest first."""
    rows = np.flatnonzero(free & np.isfinite(values))
    rows = rows[by_quality(values[rows])]
    names, sizes = np.unique(groups[rows], return_counts=True)
    starts = np.cumsum(sizes) - sizes
    rows = rows[np.argsort(groups[rows], kind="stable")]
    left, taken = min(budget, len(rows)), [np.zeros(0, dtype=np.int64)]
    for done, group in enumerate(np.argsort(sizes, kind="stable")):
        quota = min(int(sizes[group]), left // (len(names) - done))
        taken.append(rows[starts[group] : starts[group] + quota])
        left -= quota
    return np.concatenate(taken)
