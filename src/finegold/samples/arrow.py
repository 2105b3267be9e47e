"""What Parquet files and saved Hugging Face datasets share: rows as record batches of Arrow columns."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from finegold.errors import DataError
from finegold.samples.arrow_size import find_named_excess, python_size
from finegold.samples.dataset import DataFiles, Dataset
from finegold.samples.exclusions import RowError
from finegold.samples.roots import ImageRoot
from finegold.samples.values import MAX_HELD, first_of

BATCH = 16
"""Rows that are held at a time: with a few megabytes an image, tens of megabytes."""
_TOGETHER = 64 << 20
"""Bytes of a batch beyond which its rows are held one at a time."""
_VALUES = 1_000_000
"""Values of a row beyond which it is not read."""
_ROW = 192 << 20
"""Bytes of a row beyond which it is not read; checking one takes up to ten times as many."""


class TableDataset(Dataset):
    """Rows of one or more Arrow tables on disk.

    Attributes:
        shards: The files, in reading order.
        counts: Number of rows of each.
    """

    def __init__(self, source: DataFiles, root: ImageRoot | None = None) -> None:
        self.shards = self.find_shards(source)
        self.counts = [self.count_rows(shard) for shard in self.shards]
        super().__init__(source, root)

    def find_shards(self, source: DataFiles) -> list[Path]:
        """The table files."""
        return source.files

    @abstractmethod
    def count_rows(self, shard: Path) -> int:
        """Number of rows of a file, from its own headers; raises DataError if it is damaged."""

    @abstractmethod
    def batches(self, shard: int, skip: int = 0) -> Iterator["pa.RecordBatch | DamagedRows"]:
        """Record batches of one shard from row `skip` on, each of them validated, and what is damaged."""

    def count(self) -> int:
        """Number of rows, from the files' own headers."""
        return sum(self.counts)

    def records(self, start: int = 0) -> Iterator[tuple[str, Any]]:
        """Yield every row from `start` on. Places are `NAME row N`, counted from 1 in each file."""
        for shard, (file, count) in enumerate(zip(self.shards, self.counts, strict=True)):
            position, start = min(start, count), max(0, start - count)
            for batch in self.batches(shard, position) if position < count else ():
                for record in python_rows(batch):
                    position += 1
                    yield f"{file.name} row {position}", record

    def first_records(self) -> Sequence[Any]:
        """The first rows of each file, until they are large; raises DataError if none has a known shape.

        The columns say which shape it is: rows that cannot be used do not decide.
        """
        reason = ""

        def leading() -> Iterator[Any]:
            nonlocal reason
            for shard in range(len(self.shards)):
                for batch in self.batches(shard):
                    if isinstance(batch, pa.RecordBatch):
                        for row in range(min(BATCH, batch.num_rows)):
                            yield from python_rows(batch.slice(row, 1))
                        break
                    reason = reason or batch.reason

        records = first_of(leading())
        if not records and not reason:
            raise DataError(f"{self.path} holds no rows, expected at least one")
        for record in records:
            try:
                if isinstance(record, RowError):
                    raise record
                if self.source.has_shape(record, columns=True):
                    return records
                self.parse(record)
                return records
            except RowError as error:
                reason = reason or str(error)
        raise DataError(f"{self.path} cannot be understood: {reason}")


def kept_rows(batch: pa.RecordBatch, start: int, keep: set[int]) -> pa.RecordBatch:
    """The rows of a batch that are kept, of a batch whose first row is at position `start`."""
    rows = [row for row in range(batch.num_rows) if start + row in keep]
    try:
        return batch.take(pa.array(rows, pa.int64()))
    except pa.ArrowNotImplementedError:  # Arrow cannot choose among values of some types, only cut them.
        single = [batch.slice(row, 1) for row in rows] or [batch.slice(0, 0)]
        return pa.concat_batches(single)


def skip_rows(
    batches: Iterator["pa.RecordBatch | DamagedRows"], skip: int
) -> Iterator["pa.RecordBatch | DamagedRows"]:
    """The batches without their first `skip` rows."""
    for batch in batches:
        if skip < batch.num_rows:
            yield batch.slice(skip)
        skip = max(0, skip - batch.num_rows)


def validated(batch: pa.RecordBatch) -> "pa.RecordBatch | DamagedRows":
    """The batch, if every offset, index and text in it is valid; reading another may kill the process.

    Costs one pass over the offsets and texts, not over the bytes of images. One that names the same texts
    too often is not read either.
    """
    return weighed(batch)[0]


def weighed(batch: pa.RecordBatch) -> tuple["pa.RecordBatch | DamagedRows", int]:
    """The validated batch and the bytes of its texts as Python holds them; 0 if only one row can tell."""
    try:
        batch.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        return DamagedRows(batch.num_rows, first_line(error)), 0
    try:
        size = python_size(batch)[1]
    except pa.ArrowException:
        size = 0  # Whatever is wrong belongs to one of the rows.
    if excess := find_named_excess(size, batch.num_rows, batch.nbytes):
        return DamagedRows(batch.num_rows, excess), size
    return batch, size


def python_rows(batch: "pa.RecordBatch | DamagedRows") -> Iterator[Any]:
    """The rows of a validated batch as Python values; the RowError of each that cannot be one."""
    if isinstance(batch, DamagedRows):
        for _ in range(batch.num_rows):
            yield RowError(f"the file is damaged here ({batch.reason})", "unreadable-shard")
        return
    for offset in range(0, batch.num_rows, BATCH):
        part = batch.slice(offset, BATCH)
        try:
            yield from _plain(part, _TOGETHER)
        except Exception:
            # Too much to hold together, or what Python has no value for: a time beyond the year 9999.
            for row in range(part.num_rows):
                yield from _one_row(part.slice(row, 1))


def _plain(batch: pa.RecordBatch, most: int = _ROW) -> list[Any]:
    """The rows as Python values, if their texts have at most `most` bytes; raises whatever is wrong."""
    values, size = python_size(batch)
    if values > _VALUES:
        raise ValueError(f"it holds {values:,} values, expected at most {_VALUES:,}")
    if size > most:
        raise ValueError(f"it holds {size:,} bytes, expected at most {most:,}")
    if len(set(batch.schema.names)) < len(batch.schema.names):
        raise ValueError("two of its columns have the same name")
    if size > MAX_HELD and (text := python_size(batch, of_text=True)[1]) > MAX_HELD:
        raise ValueError(f"its texts hold {text:,} bytes, expected at most {MAX_HELD:,}")
    return list(batch.to_pylist())


def _one_row(row: pa.RecordBatch) -> list[Any]:
    try:
        return _plain(row)
    except Exception:
        try:
            return _plain(_to_microseconds(row))
        except Exception as error:
            return [RowError(f"the row cannot be read ({first_line(error)})")]


def _to_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with times to the microsecond, as Python has them."""
    for place, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            times = batch.column(place).cast(pa.timestamp("us", column.type.tz), safe=False)
            batch = batch.set_column(place, column.name, times)
    return batch


@dataclass(frozen=True, slots=True)
class DamagedRows:
    """Rows that stand in a file and cannot be read.

    Attributes:
        num_rows: How many; 1 where the file does not say.
        reason: What was found.
    """

    num_rows: int
    reason: str

    def slice(self, offset: int) -> "DamagedRows":
        """The rows from `offset` on."""
        return DamagedRows(self.num_rows - offset, self.reason)


def check_count(file: Path, rows: int) -> int:
    """The number of rows that a file states; raises DataError if it has more rows than bytes."""
    if rows > (size := file.stat().st_size):
        raise DataError(
            f"{file} states {rows:,} rows and has {size:,} bytes, expected at most one row a byte: "
            "copy it again"
        )
    return rows


def first_line(error: Exception) -> str:
    """The first line of an Arrow error, which may have many."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]
