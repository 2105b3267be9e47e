"""The map of a run's rows: where each lies, which the filter shows, and a column as colour."""

from typing import Any

import numpy as np

from finegold.report.selection.pool import PALETTE
from finegold.view.browse import Browser
from finegold.view.columns import ViewColumn
from finegold.view.filters import NOTHING, RowFilter
from finegold.view.places import Places

MOST_POINTS = 200_000
GRID = 4_096
"""Places of the map in each direction."""


def points_of_map(
    browser: Browser, places: Places, selection: str, wanted: RowFilter, colour: ViewColumn
) -> dict[str, Any]:
    """The points of the map of a layer, as parallel lists.

    Of a pool with more than `MOST_POINTS` placed rows, every second, third, ... is drawn.

    Returns:
        `row`, `x` and `y` (0 to `grid`), `shown` (1 if the filter lets the row through), `colour`: the number
        of the value in `values`, or 0 to 100 between `low` and `high`, -1 without a value.

    Raises:
        DataError: If the run folder has no embeddings for this map.
    """
    xy = places.map(wanted.layer)
    placed = np.flatnonzero(np.isfinite(xy).all(axis=1))
    drawn = placed[:: max(1, -(-len(placed) // MOST_POINTS))]
    shown = np.zeros(len(xy), dtype=np.int8)
    shown[browser.positions(selection, wanted)] = 1
    values = browser.values(selection, wanted, colour)
    found: dict[str, Any] = {
        "row": drawn.tolist(),
        "x": np.round(xy[drawn, 0] * GRID).astype(int).tolist(),
        "y": np.round(xy[drawn, 1] * GRID).astype(int).tolist(),
        "shown": shown[drawn].tolist(),
        "grid": GRID,
        "thinned": len(placed) - len(drawn),
        "unplaced": len(xy) - len(placed),
        "palette": list(PALETTE),
        "kind": colour.kind,
    }
    if colour.kind == "number":
        numbers = np.array([np.nan if one is None else one for one in values], dtype=np.float64)[drawn]
        known = numbers[np.isfinite(numbers)]
        # The ends would make all others look alike where a few rows lie far out.
        low, high = np.quantile(known, (0.01, 0.99)) if len(known) else (0.0, 1.0)
        scaled = np.clip((numbers - low) / ((high - low) or 1.0), 0, 1) * 100
        found["colour"] = np.where(np.isfinite(scaled), np.nan_to_num(scaled), -1).astype(int).tolist()
        found |= {"low": float(low), "high": float(high)}
        return found
    texts = [NOTHING if one is None else str(one) for one in values]
    common = browser.common_values(selection, colour, len(PALETTE))
    number = {value: at for at, value in enumerate(common)}
    found["colour"] = [number.get(texts[row], -1) for row in drawn.tolist()]
    found["values"] = common
    return found
