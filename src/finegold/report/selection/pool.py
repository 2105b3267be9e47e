"""The usable rows of a selection as arrays: which were nearly chosen, and what the map draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.arrays import Floats, Ints, Vectors
from finegold.report.text import cut, number

EXAMPLES = 7
"""Rows that stand for a cluster."""
MOST_NOT_PICKED = 6_000
"""Rows that were not picked and are drawn on the map."""
GRID = 1_000
"""Places of the map in each direction."""
PALETTE = (
    *("#4c8bd0", "#d9822b", "#3f9c6b", "#b3589a", "#8a7bd1"),
    *("#c9573f", "#2f9fa8", "#9a8a2f", "#7d8c56", "#a0705a"),
)
"""Cluster colours, legible on light and dark; they repeat, so the map also writes each cluster's number."""


@dataclass(frozen=True, slots=True)
class PoolRows:
    """Every usable row, as parallel arrays.

    Attributes:
        ids: The n sample ids.
        rank: Shape (n,), 1 for the first row chosen, 2 for the second, ...; 0 where a row was not chosen.
        quality: Shape (n,), higher is better, NaN where unknown; None if the preset ranks by no quality.
        labels: Shape (n,), cluster of each row, from 0; None without clusters.
        xy: Shape (n, 2), map coordinates in 0..1, NaN where a row has no image; None without embeddings.
        vectors: Shape (n, d), the images' embeddings, NaN where a row has no image; None without embeddings.
        groups: Name of the group of each row; empty without groups.
    """

    ids: Sequence[str]
    rank: Ints
    quality: Floats | None = None
    labels: Ints | None = None
    xy: Floats | None = None
    vectors: Vectors | None = None
    groups: Sequence[str] = ()

    @classmethod
    def of(cls, table: pa.Table, embedded: tuple[list[str], Vectors, Floats] | None) -> "PoolRows":
        """The usable rows of a selection's table.

        Args:
            table: Rows with the columns of `selection.table.SCHEMA`.
            embedded: Ids, embeddings and map coordinates of rows, among them all of the table.
        """
        ids = table["sample_id"].to_pylist()
        xy = vectors = None
        if embedded is not None:
            at = {id: index for index, id in enumerate(embedded[0])}
            order = [at[id] for id in ids]
            vectors, xy = embedded[1][order], embedded[2][order]
        return cls(
            ids,
            table["rank"].fill_null(0).to_numpy().astype(np.int64),
            None if table["quality"].null_count == len(ids) else column(table, "quality"),
            None if not ids or table["cluster"].null_count else table["cluster"].to_numpy().astype(np.int64),
            xy,
            vectors,
            () if table["group"].null_count else table["group"].to_pylist(),
        )

    @property
    def selected(self) -> npt.NDArray[np.bool_]:
        """Shape (n,), True where a row was chosen."""
        return self.rank > 0

    @property
    def by_rank(self) -> list[int]:
        """The chosen rows, the best first."""
        return sorted(np.flatnonzero(self.selected).tolist(), key=lambda row: int(self.rank[row]))

    def examples(self, label: int) -> Ints:
        """The rows nearest to the mean of a cluster, one of each picture; without images the first ones."""
        members = np.flatnonzero(self.labels == label)
        if self.vectors is None or not len(members) or not np.isfinite(self.vectors[members]).all():
            return members[:EXAMPLES]
        points = self.vectors[members]
        nearest = np.argsort(((points - points.mean(axis=0)) ** 2).sum(axis=1), kind="stable")
        _, first = np.unique(points[nearest], axis=0, return_index=True)
        return members[nearest[np.sort(first)[:EXAMPLES]]]


def column(table: pa.Table, name: str) -> Floats:
    """A column of numbers, NaN where null."""
    found: Floats = table[name].to_numpy().astype(np.float64)
    return found


def near_misses(
    rows: PoolRows, quotas: Sequence[int | None], limit: int, by_group: Mapping[str, int] | None = None
) -> list[tuple[int, str]]:
    """The rows that lost by least: their quality lies highest above, or least below, the last one taken.

    Each row is compared with the lowest quality that was taken from its cluster, so no row of a cluster that
    gave nothing is one. If a cluster has no quota, the pool is one cluster. Rows that were chosen by group
    are compared with those of their group instead.

    Args:
        rows: With or without labels; without a quality nothing is near.
        quotas: Quota of each cluster.
        limit: At most this many.
        by_group: Quota of each group, if rows were chosen by group.

    Returns:
        Row and a sentence that says why it was not chosen, smallest gap first; ties by id.
    """
    if rows.quality is None:
        return []
    ids, quality = rows.ids, rows.quality
    labels = None if None in quotas else rows.labels
    names = sorted(by_group or ())
    if names:
        place = {name: at for at, name in enumerate(names)}
        labels = np.array([place[name] for name in rows.groups], dtype=np.int64)
        quotas = [(by_group or {})[name] for name in names]
    groups = np.zeros(len(ids), dtype=np.int64) if labels is None else labels
    found: list[tuple[float, str, int, str]] = []
    for group in np.unique(groups):
        members = np.flatnonzero((groups == group) & np.isfinite(quality))
        taken, left = members[rows.selected[members]], members[~rows.selected[members]]
        if len(taken) == 0:
            continue
        lowest = float(quality[taken].min())
        where = "the pool" if labels is None else f"cluster {group + 1}"
        where = f"group {names[group]}" if names else where
        quota = (None if labels is None else quotas[group]) or len(taken)
        for row in nsmallest(limit, left.tolist(), key=lambda row: (-quality[row], ids[row])):
            mine = float(quality[row])
            if mine > lowest:
                why = (
                    f"Quality {number(mine)} is above {number(lowest)}, the lowest taken from {where}: "
                    "the preset looks at more than quality and passed it over."
                )
            elif mine == lowest:
                why = (
                    f"Level with the last row taken from {where}, quality {number(mine)}; the tie went to "
                    "another id."
                )
            else:
                better = int((quality[members] > mine).sum())
                why = (
                    f"{where[0].upper()}{where[1:]} had room for {quota:,}, and {better:,} of its rows have "
                    f"a higher quality; this one is {number(lowest - mine)} below the last one taken, "
                    f"{number(lowest)}."
                )
            found.append((lowest - mine, ids[row], row, why))
    return [(row, why) for _, _, row, why in sorted(found)[:limit]]


def map_points(rows: PoolRows) -> dict[str, Any] | None:
    """Every picked row and up to `MOST_NOT_PICKED` others; None if no row has a place on the map.

    Returns:
        `data`: parallel lists for the page's script, picked rows last in order of rank, JSON-able;
        `thinned`: number of rows that are not drawn, evenly spread, because there are too many;
        `unplaced`: number of rows without map coordinates.
    """
    if rows.xy is None:
        return None
    placed = np.isfinite(rows.xy).all(axis=1)
    if not placed.any():
        return None
    behind, chosen = np.flatnonzero(placed & ~rows.selected), np.flatnonzero(placed & rows.selected)
    kept = behind
    if len(behind) > MOST_NOT_PICKED:
        kept = behind[np.linspace(0, len(behind) - 1, MOST_NOT_PICKED).astype(np.int64)]
    drawn = np.concatenate([kept, chosen[np.argsort(rows.rank[chosen])]])
    grid = np.round(rows.xy[drawn] * GRID).astype(int)
    quality = [] if rows.quality is None else rows.quality[drawn].tolist()
    data = {
        "x": grid[:, 0].tolist(),
        "y": grid[:, 1].tolist(),
        "row": drawn.tolist(),
        "id": [cut(rows.ids[row], 80) for row in drawn],
        "rank": rows.rank[drawn].tolist(),
        "cluster": [] if rows.labels is None else rows.labels[drawn].tolist(),
        "quality": [float(f"{value:.4g}") if np.isfinite(value) else None for value in quality],
        "colours": list(PALETTE),
        "grid": GRID,
    }
    return {"data": data, "thinned": len(behind) - len(kept), "unplaced": int((~placed).sum())}
