"""What Parquet files and saved Hugging Face datasets share: rows as record batches of Arrow columns."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from finegold.errors import DataError
from finegold.samples.dataset import DataFiles, Dataset
from finegold.samples.exclusions import RowError
from finegold.samples.roots import ImageRoot
from finegold.samples.shapes import has_shape

BATCH = 16
"""Rows that are held at a time: with a few megabytes an image, tens of megabytes."""


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
    def batches(self, shard: int, skip: int = 0) -> Iterator[pa.RecordBatch]:
        """Record batches of one shard from row `skip` on."""

    def count(self) -> int:
        """Number of rows, from the files' own headers."""
        return sum(self.counts)

    def records(self, start: int = 0) -> Iterator[tuple[str, Any]]:
        """Yield every row from `start` on. Places are `NAME row N`, counted from 1 in each file."""
        for shard, (file, count) in enumerate(zip(self.shards, self.counts, strict=True)):
            position, start = min(start, count), max(0, start - count)
            try:
                for batch in self.batches(shard, position) if position < count else ():
                    for offset in range(0, batch.num_rows, BATCH):
                        for record in batch.slice(offset, BATCH).to_pylist():
                            position += 1
                            yield f"{file.name} row {position}", record
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise DataError(
                    f"{file} cannot be read after row {position} ({first_line(error)}): check that it was "
                    "fully copied"
                ) from None

    def first_records(self) -> Sequence[Any]:
        """The first rows of each file; raises DataError if there are none, or they have no known shape.

        The columns say which shape it is: rows that cannot be used do not decide.
        """
        records = [
            record
            for shard in range(len(self.shards))
            for batch in islice(self.batches(shard), 1)
            for record in batch.slice(0, BATCH).to_pylist()
        ]
        if not records:
            raise DataError(f"{self.path} holds no rows, expected at least one")
        reason = ""
        for record in records:
            try:
                if has_shape(record, columns=True):
                    return records
                self.parse(record)
                return records
            except RowError as error:
                reason = reason or str(error)
        raise DataError(f"{self.path} cannot be understood: {reason}")


def kept_rows(batch: pa.RecordBatch, start: int, keep: set[int]) -> pa.RecordBatch:
    """The rows of a batch that are kept, of a batch whose first row is at position `start`."""
    return batch.take(pa.array([row for row in range(batch.num_rows) if start + row in keep], pa.int64()))


def skip_rows(batches: Iterator[pa.RecordBatch], skip: int) -> Iterator[pa.RecordBatch]:
    """The batches without their first `skip` rows."""
    for batch in batches:
        if skip < batch.num_rows:
            yield batch.slice(skip)
        skip = max(0, skip - batch.num_rows)


def first_line(error: Exception) -> str:
    """The first line of an Arrow error, which may have many."""
    return str(error).splitlines()[0][:200]
