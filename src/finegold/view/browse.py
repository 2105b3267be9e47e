"""What the page lists: the rows of a filter, their number, and the histograms beside the filters."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from finegold.view.columns import CHANGE, ViewColumn, quoted
from finegold.view.database import RowDatabase
from finegold.view.filters import NOTHING, RowFilter, expression
from finegold.view.places import Places

BINS = 32
MOST_VALUES = 60
"""Values of a category that are listed, the most frequent first."""
MOST_ROWS = 500
"""Rows of one answer."""


class Browser:
    """Answers what the page asks about the rows of a run."""

    def __init__(self, pool: RowDatabase, places: Places) -> None:
        self.pool = pool
        self._places = places
        self._limits: dict[str, dict[str, tuple[float, float]]] = {}

    def count(self, selection: str, wanted: RowFilter) -> int:
        """Number of rows that a filter lets through."""
        where, values = self._where(wanted)
        [(number,)] = self.pool.query(
            f"SELECT count(*) FROM {self._from(selection, wanted)} WHERE {where}", values
        )
        return int(number)

    def rows(self, selection: str, wanted: RowFilter, start: int, number: int) -> list[dict[str, Any]]:
        """Some rows in the filter's order, each as its columns by name."""
        where, values = self._where(wanted)
        names = [column.name for column in self.pool.columns(selection) if column.name != "mark"]
        shown = [*dict.fromkeys(["row", "sample_id", "question", "answer", "reason", *names])]
        picked = ", ".join(f"v.{quoted(name)}" for name in shown)
        change = expression(CHANGE.name) if wanted.other else "NULL"
        found = self.pool.query(
            f"SELECT {picked}, m.mark, v.usable, {change} FROM {self._from(selection, wanted)} "
            f"WHERE {where} ORDER BY {wanted.order} LIMIT ? OFFSET ?",
            [*values, min(number, MOST_ROWS), start],
        )
        keys = [*shown, "mark", "usable", CHANGE.name]
        return [dict(zip(keys, row, strict=True)) for row in found]

    def usable_ids(self, selection: str, wanted: RowFilter) -> list[str]:
        """Ids of the rows of a filter that can be chosen."""
        where, values = self._where(wanted)
        found = self.pool.query(
            f"SELECT v.sample_id FROM {self._from(selection, wanted)} WHERE v.usable AND {where} "
            "ORDER BY v.row",
            values,
        )
        return [str(key) for (key,) in found]

    def positions(self, selection: str, wanted: RowFilter) -> list[int]:
        """Positions of the rows of a filter."""
        where, values = self._where(wanted)
        found = self.pool.query(f"SELECT v.row FROM {self._from(selection, wanted)} WHERE {where}", values)
        return [row for (row,) in found]

    def values(self, selection: str, wanted: RowFilter, column: ViewColumn) -> list[Any]:
        """A column of all rows, in the order of the data."""
        one = expression(column.name)
        found = self.pool.query(f"SELECT {one} FROM {self._from(selection, wanted)} ORDER BY v.row")
        return [value for (value,) in found]

    def common_values(self, selection: str, column: ViewColumn, most: int) -> list[str]:
        """The most frequent values of a category over all rows; of clusters the first ones."""
        counted = self._facet(selection, RowFilter({}, {}), column)["values"]
        found = [value for value, _ in counted if value != NOTHING][:most]
        return sorted(found, key=int) if column.name == "cluster" else found

    def table(self, selection: str, wanted: RowFilter) -> pa.Table:
        """The rows of a filter with their columns, marks and texts."""
        where, values = self._where(wanted)
        names = [column.name for column in self.pool.columns(selection) if column.name != "mark"]
        shown = [*dict.fromkeys(["sample_id", *names, "place", "reason", "images"])]
        picked = ", ".join(f"v.{quoted(name)}" for name in shown)
        return self.pool.arrow(
            f"SELECT {picked}, m.mark, m.note, t.questions AS question, t.answers AS answer "
            f"FROM {self._from(selection, wanted)} LEFT JOIN texts t ON t.row = v.row WHERE {where} "
            f"ORDER BY {wanted.order}",
            values,
        )

    def facets(self, selection: str, wanted: RowFilter) -> dict[str, Any]:
        """For each column, how the rows of the filter spread over it; its own filter does not count."""
        columns = self.columns(selection, wanted.other)
        return {column.name: self._facet(selection, wanted, column) for column in columns}

    def limits(self, selection: str) -> Mapping[str, tuple[float, float]]:
        """The lowest and the highest value of each column of numbers, over all rows."""
        if selection not in self._limits:
            numbers = [column.name for column in self.pool.columns(selection) if column.kind == "number"]
            ends = ", ".join(f"min({quoted(name)}), max({quoted(name)})" for name in numbers)
            [found] = self.pool.query(f"SELECT {ends} FROM {self.pool.view(selection)}")
            pairs = zip(numbers, found[::2], found[1::2], strict=True)
            self._limits[selection] = {name: (float(low), float(high)) for name, low, high in pairs}
        return self._limits[selection]

    def place_of(self, selection: str, row: int, columns: Sequence[ViewColumn]) -> dict[str, dict[str, Any]]:
        """How many rows of the pool have a value, and how many a lower or the same one, by column."""
        parts, names = [], [column.name for column in columns if column.kind == "number"]
        for name in names:
            one = quoted(name)
            parts.append(
                f"count(v.{one}), count(*) FILTER (v.{one} < o.{one}), count(*) FILTER (v.{one} = o.{one})"
            )
        view = self.pool.view(selection)
        [found] = self.pool.query(
            f"SELECT {', '.join(parts)} FROM {view} v, (SELECT * FROM {view} WHERE row = ?) o", [row]
        )
        return {
            name: {"of": found[3 * at], "below": found[3 * at + 1], "same": found[3 * at + 2]}
            for at, name in enumerate(names)
        }

    def columns(self, selection: str, other: str) -> list[ViewColumn]:
        """The columns of a selection's rows, beside another selection if one is named."""
        found = self.pool.columns(selection)
        return [found[0], CHANGE, *found[1:]] if other else found

    def _from(self, selection: str, wanted: RowFilter) -> str:
        found = f"{self.pool.view(selection)} v LEFT JOIN quick.marks m ON m.row = v.row"
        return (
            f"{found} LEFT JOIN {self.pool.view(wanted.other)} o ON o.row = v.row" if wanted.other else found
        )

    def _where(self, wanted: RowFilter, skip: str = "") -> tuple[str, list[Any]]:
        matches = self.pool.matches(wanted.words) if wanted.words else ""
        return wanted.where(self._places.inside(wanted), matches, skip=skip)

    def _facet(self, selection: str, wanted: RowFilter, column: ViewColumn) -> dict[str, Any]:
        where, values = self._where(wanted, column.name)
        one = expression(column.name)
        if column.kind == "category":
            found = self.pool.query(
                f"SELECT coalesce({one}::VARCHAR, ?), count(*) FROM "
                f"{self._from(selection, wanted)} WHERE {where} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
                [NOTHING, *values, MOST_VALUES],
            )
            return {"values": [[value, number] for value, number in found]}
        low, high = self.limits(selection)[column.name]
        width = (high - low) / BINS or 1.0
        counts = [0] * BINS
        for place, number in self.pool.query(
            f"SELECT least(floor(({one} - ?) / ?), ?)::INTEGER, count(*) FROM "
            f"{self._from(selection, wanted)} WHERE {one} IS NOT NULL AND {where} GROUP BY 1",
            [low, width, BINS - 1, *values],
        ):
            counts[max(0, place)] += number
        return {"low": low, "high": high, "counts": counts}
