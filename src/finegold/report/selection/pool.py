"""The usable rows of a selection as arrays: which were nearly chosen, and what the map draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.arrays import Floats, Ints, Vectors
from finegold.report.text import cut, number
from finegold.run import TextColumn

EXAMPLES = 7
"""Rows that stand for a cluster."""
MOST_NEAREST = 256
MOST_PICKED = 20_000
"""Picked rows that are drawn on the map: 2 MB of the page."""
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
        vectors: Shape (m, d), embeddings of images, NaN where a row has no image; None without embeddings.
        places: Shape (n,), which of the vectors is that of each row; None if there is one for each, in order.
        groups: Name of the group of each row; empty without groups.
    """

    ids: Sequence[str]
    rank: Ints
    quality: Floats | None = None
    labels: Ints | None = None
    xy: Floats | None = None
    vectors: Vectors | None = None
    places: Ints | None = None
    groups: Sequence[str] = ()

    @classmethod
    def of(cls, table: pa.Table, embedded: tuple[Sequence[str], Vectors, Floats] | None) -> "PoolRows":
        """The usable rows of a selection's table.

        Args:
            table: Rows with the columns of `selection.table.SCHEMA`.
            embedded: Ids, embeddings and map coordinates of rows, among them all of the table.
        """
        ids = TextColumn(table["sample_id"])
        xy = vectors = places = None
        if embedded is not None:
            places = TextColumn(embedded[0]).find(ids)
            vectors, xy = embedded[1], embedded[2][places]
        return cls(
            ids,
            table["rank"].fill_null(0).to_numpy().astype(np.int64),
            None if table["quality"].null_count == len(ids) else column(table, "quality"),
            None if not ids or table["cluster"].null_count else table["cluster"].to_numpy().astype(np.int64),
            xy,
            vectors,
            places,
            () if table["group"].null_count else TextColumn(table["group"]),
        )

    @property
    def selected(self) -> npt.NDArray[np.bool_]:
        """Shape (n,), True where a row was chosen."""
        return self.rank > 0

    @property
    def by_rank(self) -> Ints:
        """The chosen rows, the best first."""
        chosen: Ints = np.flatnonzero(self.rank)
        return chosen[np.argsort(self.rank[chosen])]

    def examples(self, label: int) -> Ints:
        """The rows nearest to the mean of a cluster, one of each picture; without images the first ones."""
        members = np.flatnonzero(self.labels == label)
        if self.vectors is None or not len(members):
            return members[:EXAMPLES]
        points = self.vectors[members if self.places is None else self.places[members]]
        if not np.isfinite(points).all():
            return members[:EXAMPLES]
        nearest = np.argsort(((points - points.mean(axis=0)) ** 2).sum(axis=1), kind="stable")
        # The first few are enough, unless most of them are one picture.
        for some in (nearest[:MOST_NEAREST], nearest):
            _, first = np.unique(points[some], axis=0, return_index=True)
            if len(first) >= EXAMPLES:
                break
        return members[some[np.sort(first)[:EXAMPLES]]]


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
        labels = TextColumn(rows.groups).codes(names)
        quotas = [(by_group or {})[name] for name in names]
    known = np.flatnonzero(np.isfinite(quality))
    groups = np.zeros(len(ids), dtype=np.int64) if labels is None else labels
    in_groups = known[np.argsort(groups[known], kind="stable")]
    order = np.empty(len(ids), np.int64)
    order[TextColumn(ids).order()] = np.arange(len(ids))
    found: list[tuple[float, str, int, str]] = []
    for members in np.split(in_groups, np.flatnonzero(np.diff(groups[in_groups])) + 1):
        if not len(members):
            continue
        group = groups[members[0]]
        taken, left = members[rows.selected[members]], members[~rows.selected[members]]
        if len(taken) == 0:
            continue
        lowest = float(quality[taken].min())
        where = "the pool" if labels is None else f"cluster {group + 1}"
        where = f"group {names[group]}" if names else where
        quota = (None if labels is None else quotas[group]) or len(taken)
        best = left[np.lexsort((order[left], -quality[left]))[:limit]]
        for row in best.tolist():
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
        `thinned`: number of rows that were not picked and are not drawn, evenly spread, because there are too
        many; `picked_thinned`: likewise of the picked rows;
        `unplaced`: number of rows without map coordinates.
    """
    if rows.xy is None:
        return None
    placed = np.isfinite(rows.xy).all(axis=1)
    if not placed.any():
        return None
    behind, chosen = np.flatnonzero(placed & ~rows.selected), np.flatnonzero(placed & rows.selected)
    kept = _spread(behind, MOST_NOT_PICKED)
    picked = _spread(chosen[np.argsort(rows.rank[chosen])], MOST_PICKED)
    drawn = np.concatenate([kept, picked])
    grid = np.round(rows.xy[drawn] * GRID).astype(int)
    quality = [] if rows.quality is None else rows.quality[drawn].tolist()
    data = {
        "x": grid[:, 0].tolist(),
        "y": grid[:, 1].tolist(),
        "row": drawn.tolist(),
        "id": [cut(name, 80) for name in TextColumn(rows.ids).take(drawn)],
        "rank": rows.rank[drawn].tolist(),
        "cluster": [] if rows.labels is None else rows.labels[drawn].tolist(),
        "quality": [float(f"{value:.4g}") if np.isfinite(value) else None for value in quality],
        "colours": list(PALETTE),
        "grid": GRID,
    }
    return {
        "data": data,
        "thinned": len(behind) - len(kept),
        "picked_thinned": len(chosen) - len(picked),
        "unplaced": int((~placed).sum()),
    }


def _spread(rows: Ints, most: int) -> Ints:
    """Up to `most` of some rows, evenly spread."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
