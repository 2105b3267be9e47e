"""Excluded rows as columns: there may be millions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.arrays import Ints
from finegold.samples.exclusions import Exclusion

_AT_ONCE = 1 << 20
Texts: TypeAlias = Sequence[str | None] | pa.Array | pa.ChunkedArray


@dataclass(frozen=True, slots=True)
class ExcludedRows:
    """Rows that cannot be chosen, and why; the attributes of `Exclusion` as columns.

    Attributes:
        rows: Their positions, distinct.
        code: The code of each.
        reason: The reason of each.
        duplicate_of: Id of the row that stays in the place of each; null for none.
    """

    rows: Ints
    code: pa.Array
    reason: pa.Array
    duplicate_of: pa.Array

    @classmethod
    def of(
        cls, rows: Ints, code: str | Texts, reason: str | Texts, duplicate_of: Texts | None = None
    ) -> "ExcludedRows":
        """Some rows with the code and the reason of each, or one for all."""
        none = pa.nulls(len(rows), pa.string())
        stays = none if duplicate_of is None else _column(duplicate_of, len(rows))
        return cls(rows, _column(code, len(rows)), _column(reason, len(rows)), stays)

    @classmethod
    def from_exclusions(cls, found: Mapping[int, Exclusion]) -> "ExcludedRows":
        """The rows of a mapping from position to exclusion."""
        every = list(found.values())
        return cls.of(
            np.array(list(found), np.int64),
            [one.code for one in every],
            [one.reason for one in every],
            [one.duplicate_of for one in every],
        )

    @classmethod
    def together(cls, found: "Sequence[ExcludedRows]") -> "ExcludedRows":
        """Several of them, of distinct rows, as one."""
        names = ("code", "reason", "duplicate_of")
        columns = [
            pa.chunked_array([_plain(getattr(one, name)) for one in found], pa.large_string())
            for name in names
        ]
        rows = [np.empty(0, np.int64), *(one.rows for one in found)]
        return cls.of(np.concatenate(rows), columns[0], columns[1], columns[2])

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, mask: npt.NDArray[np.bool_]) -> "ExcludedRows":
        """Those of them where a mask, as long as they are, is true."""
        columns = (column.filter(pa.array(mask)) for column in (self.code, self.reason, self.duplicate_of))
        return ExcludedRows(self.rows[mask], *columns)

    def at(self, positions: Ints) -> "ExcludedRows":
        """These exclusions, for a table in which row k stands at `positions[k]`."""
        return replace(self, rows=positions[self.rows])

    def by_id(self, ids: Sequence[str]) -> dict[str, Exclusion]:
        """Exclusions by id, for few rows."""
        columns = (column.to_pylist() for column in (self.code, self.reason, self.duplicate_of))
        found = zip(self.rows.tolist(), *columns, strict=True)
        return {ids[row]: Exclusion(code, reason, stays) for row, code, reason, stays in found}


def exclusion_columns(excluded: Sequence[ExcludedRows], n: int) -> tuple[Ints, dict[str, pa.ChunkedArray]]:
    """Columns `code`, `reason` and `duplicate_of` over n rows; of two exclusions of a row the first counts.

    Returns:
        Positions of the excluded rows, and the columns, null elsewhere.
    """
    place, start = np.full(n, -1, np.int64), sum(map(len, excluded))
    for one in reversed(excluded):
        start -= len(one)
        place[one.rows] = np.arange(start, start + len(one))
    columns: dict[str, pa.ChunkedArray] = {}
    for name in ("code", "reason", "duplicate_of"):
        every = [_plain(getattr(one, name)) for one in excluded]
        texts = pa.concat_arrays(every) if every else pa.array([], pa.large_string())
        chunks = []
        for begin in range(0, n, _AT_ONCE):
            part = place[begin : begin + _AT_ONCE]
            chunks.append(texts.take(pa.array(part, mask=part < 0)).cast(pa.string()))
        columns[name] = pa.chunked_array(chunks, pa.string())
    return np.flatnonzero(place >= 0), columns


def _plain(column: pa.Array) -> pa.Array:
    return column.cast(pa.large_string())


def _column(values: str | Texts, n: int) -> pa.Array:
    """A column of n texts; one text for all is kept once."""
    if isinstance(values, str):
        return pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), pa.array([values]))
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    return values if isinstance(values, pa.Array) else pa.array(values, pa.string())
