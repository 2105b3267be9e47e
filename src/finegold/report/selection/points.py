"""The dots of the map, as small as they can be: the page's script draws them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from finegold.report.selection.inputs import PoolRows

MOST_NOT_PICKED = 6_000
_GRID = 1_000
_LONGEST_ID = 80
PALETTE = (
    *("#4c8bd0", "#d9822b", "#3f9c6b", "#b3589a", "#8a7bd1"),
    *("#c9573f", "#2f9fa8", "#9a8a2f", "#7d8c56", "#a0705a"),
)
"""Cluster colours, legible on light and dark; they repeat, so the map also writes each cluster's number."""


@dataclass(frozen=True, slots=True)
class Points:
    """What is drawn, and what is not.

    Attributes:
        data: Parallel lists `x`, `y`, `row`, `id`, `rank`, `cluster`, `quality` and the drawing's scalars;
            picked rows last, in order of rank. JSON-able.
        left_out: Rows that were not picked and are not drawn, evenly spread, because there are too many.
        unplaced: Rows without map coordinates.
    """

    data: dict[str, Any]
    left_out: int
    unplaced: int


def points(rows: PoolRows) -> Points | None:
    """Every picked row and up to `MOST_NOT_PICKED` others; None if no row has a place on the map."""
    if rows.xy is None:
        return None
    placed = np.isfinite(rows.xy).all(axis=1)
    if not placed.any():
        return None
    behind, chosen = np.flatnonzero(placed & ~rows.selected), np.flatnonzero(placed & rows.selected)
    kept = behind
    if len(behind) > MOST_NOT_PICKED:
        kept = behind[np.linspace(0, len(behind) - 1, MOST_NOT_PICKED).astype(np.int64)]
    drawn = np.concatenate([kept, chosen[np.argsort(rows.rank[chosen], kind="stable")]])
    grid = np.round(rows.xy[drawn] * _GRID).astype(int)
    data = {
        "x": grid[:, 0].tolist(),
        "y": grid[:, 1].tolist(),
        "row": drawn.tolist(),
        "id": [_short(rows.ids[row]) for row in drawn],
        "rank": rows.rank[drawn].tolist(),
        "cluster": [] if rows.labels is None else rows.labels[drawn].tolist(),
        "quality": [] if rows.quality is None else [_rounded(rows.quality[row]) for row in drawn],
        "colours": list(PALETTE),
        "grid": _GRID,
    }
    return Points(data, left_out=len(behind) - len(kept), unplaced=int((~placed).sum()))


def _short(id: str) -> str:
    return id if len(id) <= _LONGEST_ID else id[: _LONGEST_ID - 1] + "…"


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None
