"""Votes: take the rows that most indicators put near the top (ICONS, arXiv 2501.00654, step 4)."""

import numpy as np

from finegold.arrays import Ints
from finegold.errors import ConfigError
from finegold.selection.plugins import PICKERS
from finegold.selection.pool import Pool


@PICKERS.register("votes", needs={"indicators"})
def votes(
    pool: Pool,
    budget: int,
    rng: np.random.Generator,  # noqa: ARG001
    *,
    share: float | None = None,
) -> Ints:
    """Every indicator votes for its highest rows; the rows of most votes are taken, ties by quality.

    An indicator does not vote for rows to which it does not apply, and votes for all rows that tie with its
    last.

    Args:
        pool: Rows with indicators.
        budget: Rows to choose.
        rng: Not used.
        share: Share of the pool that an indicator votes for; the budget's share if None, as in ICONS.

    Raises:
        ConfigError: If the pool has no indicators.
    """
    if pool.indicators is None:
        raise ConfigError("votes need indicators, and none counts here; score some first")
    electors = budget if share is None else max(1, round(share * len(pool)))
    count = np.zeros(len(pool), dtype=np.int64)
    for column in pool.indicators.T:
        values = column[np.isfinite(column)]
        if len(values):
            last = np.sort(values)[::-1][min(electors, len(values)) - 1]
            count += column >= last
    return np.lexsort((-pool.quality, -count))[:budget].astype(np.int64)
