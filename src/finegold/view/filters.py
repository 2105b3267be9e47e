"""Which rows are shown, and in what order: read from an address and put into SQL with bound values."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finegold.arrays import Floats
from finegold.errors import ConfigError
from finegold.selection.table import SELECTED
from finegold.view.columns import ViewColumn, quoted

NOTHING = "(none)"
"""How an address writes a category that a row lacks."""
MOST_WORDS = 16
MOST_CORNERS = 400


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows are shown, and in what order.

    Attributes:
        ranges: Lowest and highest value by column, both included; a row without a value is out.
        categories: Values by column, of which a row has one.
        words: Words or phrases that the id, the questions and the answers hold, all of them, in any case.
        area: Corners of a polygon on the map, shape (n, 2), in 0..1; None for everywhere.
        layer: Which map the area is drawn on.
        other: Name of another selection that the rows are compared with; empty for none.
        sort: Column that rows are sorted by.
        descending: Whether the highest comes first; rows without a value come last in both.
    """

    ranges: Mapping[str, tuple[float, float]]
    categories: Mapping[str, tuple[str, ...]]
    words: tuple[str, ...] = ()
    area: Floats | None = None
    layer: str = "image"
    other: str = ""
    sort: str = "row"
    descending: bool = False

    @classmethod
    def read(cls, items: Iterable[tuple[str, str]], columns: Sequence[ViewColumn]) -> "RowFilter":
        """The filter of an address: `clip=20..30&kind=caption&kind=vqa&text=red+dog&sort=clip&order=down`.

        Raises:
            ConfigError: If it names a column that is not there, or a value cannot be read.
        """
        known = {column.name: column for column in columns}
        ranges: dict[str, tuple[float, float]] = {}
        categories: dict[str, list[str]] = {}
        other: dict[str, str] = {}
        for name, value in items:
            key = name.removeprefix("f.")
            if not name.startswith("f."):
                other[name] = value
            elif key not in known:
                raise ConfigError(f"the address filters by '{key}', and the rows have no such column")
            elif known[key].kind == "number":
                ranges[key] = _range(key, value)
            else:
                categories.setdefault(key, []).append(value)
        sort = other.get("sort", "row")
        if sort not in known:
            raise ConfigError(f"the address sorts by '{sort}', and the rows have no such column")
        return cls(
            ranges,
            {name: tuple(values) for name, values in categories.items()},
            words_of(other.get("text", "")),
            _area(other.get("area", "")),
            "text" if other.get("layer") == "text" else "image",
            other.get("other", ""),
            sort,
            other.get("order") == "down",
        )

    def where(
        self, inside_area: Sequence[int] = (), matches: str = "", *, skip: str = ""
    ) -> tuple[str, list[Any]]:
        """The condition in SQL, on rows `v` with marks `m`, and its values.

        Args:
            inside_area: Positions of the rows that lie in `area`, if there is one.
            matches: Table with the positions of the rows that hold the words, if there are words.
            skip: Column whose own filter does not count, as in its histogram.
        """
        parts: list[str] = []
        values: list[Any] = []
        for name, (low, high) in self.ranges.items():
            if name != skip:
                parts.append(f"v.{quoted(name)} BETWEEN ? AND ?")
                values += [low, high]
        for name, wanted in self.categories.items():
            if name == skip:
                continue
            parts.append(f"coalesce({expression(name)}::VARCHAR, ?) IN ({', '.join('?' * len(wanted))})")
            values += [NOTHING, *wanted]
        if self.words:
            parts.append(f"v.row IN (SELECT row FROM {matches})")
        if self.area is not None:
            parts.append("v.row IN (SELECT unnest(?::BIGINT[]))")
            values.append(list(inside_area))
        return " AND ".join(parts) or "true", values

    @property
    def order(self) -> str:
        """The order in SQL; ties by position in the data."""
        return f"{expression(self.sort)} {'DESC' if self.descending else 'ASC'} NULLS LAST, v.row"


OWN = {
    "mark": "m.mark",
    "change": f"CASE WHEN v.status = '{SELECTED}' AND o.status = '{SELECTED}' THEN 'both' "
    f"WHEN v.status = '{SELECTED}' THEN 'only here' WHEN o.status = '{SELECTED}' THEN 'only there' END",
}
"""Columns that are not of the rows `v`: of their marks `m`, and of the other selection `o`."""


def expression(name: str) -> str:
    """A column of the rows `v` with their marks `m`, in SQL."""
    return OWN.get(name) or f"v.{quoted(name)}"


def words_of(text: str) -> tuple[str, ...]:
    """Words of a search, and phrases in double quotes."""
    found = []
    for number, part in enumerate(text.split('"')):
        found += [part.strip()] if number % 2 else part.split()
    return tuple(word for word in found if word)[:MOST_WORDS]


def inside(points: Floats, corners: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which points, shape (n, 2), lie in a polygon (even-odd rule); those that are NaN do not."""
    found = np.zeros(len(points), dtype=np.bool_)
    x, y = points[:, 0], points[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            crosses = (y0 > y) != (y1 > y)
            found ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return found & np.isfinite(points).all(axis=1)


def _range(name: str, text: str) -> tuple[float, float]:
    low, dots, high = text.partition("..")
    try:
        found = (float(low) if low else -math.inf, float(high) if high else math.inf)
    except ValueError:
        found = (math.nan, math.nan)
    if not dots or math.isnan(found[0]) or math.isnan(found[1]):
        raise ConfigError(f"the address asks for '{name}={text}', expected two numbers such as 0.2..0.8")
    return found


def _area(text: str) -> Floats | None:
    if not text:
        return None
    try:
        numbers = [float(one) for one in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) % 2 or not 6 <= len(numbers) <= 2 * MOST_CORNERS or not np.isfinite(numbers).all():
        raise ConfigError(
            f"the area of the address is no polygon of 3 to {MOST_CORNERS} corners: draw it again on the map"
        )
    return np.array(numbers, dtype=np.float64).reshape(-1, 2)
