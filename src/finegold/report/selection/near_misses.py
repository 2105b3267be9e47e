"""Which rows were almost chosen, and why they were not."""

import numpy as np

from finegold.arrays import Ints
from finegold.report.selection.inputs import Cluster, NearMiss, PoolRows
from finegold.report.text import number


def near_misses(rows: PoolRows, clusters: tuple[Cluster, ...], limit: int) -> tuple[NearMiss, ...]:
    """The rows that lost by least: their quality lies highest above, or least below, the last one taken.

    Each row is compared with the lowest quality that was taken from its own cluster, so a row of a cluster
    that gave nothing cannot be one. Where no cluster had a quota, the pool is one cluster.

    Args:
        rows: With or without labels; without a quality nothing is near.
        clusters: As in `ReportInputs.clusters`.
        limit: At most this many.

    Returns:
        Smallest gap first; ties by id.
    """
    if rows.quality is None:
        return ()
    quotas = [cluster.quota for cluster in clusters]
    by_cluster = rows.labels is not None and None not in quotas
    labels = (
        rows.labels if by_cluster and rows.labels is not None else np.zeros(len(rows.ids), dtype=np.int64)
    )
    known = np.isfinite(rows.quality)
    found: list[tuple[float, str, str]] = []
    for label in np.unique(labels):
        members = np.flatnonzero((labels == label) & known)
        taken, left = members[rows.selected[members]], members[~rows.selected[members]]
        if len(taken) == 0 or len(left) == 0:
            continue
        lowest = float(rows.quality[taken].min())
        where = f"cluster {label + 1}" if by_cluster else "the pool"
        quota = (quotas[label] if by_cluster else None) or len(taken)
        for row in left[np.lexsort((_ids_order(rows, left), -rows.quality[left]))][:limit]:
            mine = float(rows.quality[row])
            better = int((rows.quality[members] > mine).sum())
            found.append((lowest - mine, rows.ids[row], _why(mine, lowest, better, quota, where)))
    return tuple(NearMiss(id, why) for _, id, why in sorted(found)[:limit])


def _why(mine: float, lowest: float, better: int, quota: int, where: str) -> str:
    if mine > lowest:
        return (
            f"Quality {number(mine)} is above {number(lowest)}, the lowest taken from {where}: "
            "the preset looks at more than quality and passed it over."
        )
    if mine == lowest:
        return (
            f"Level with the last row taken from {where}, quality {number(mine)}; the tie went to another id."
        )
    return (
        f"{where[0].upper()}{where[1:]} had room for {quota:,}, and {better:,} of its rows have a higher "
        f"quality; this one is {number(lowest - mine)} below the last one taken, {number(lowest)}."
    )


def _ids_order(rows: PoolRows, members: Ints) -> Ints:
    """The place of each member when sorted by id."""
    order = sorted(range(len(members)), key=lambda position: rows.ids[members[position]])
    places = np.empty(len(members), dtype=np.int64)
    places[order] = np.arange(len(members))
    return places
