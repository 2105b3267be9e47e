"""What Parquet files and saved Hugging Face datasets share: rows as record batches of Arrow columns."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from finegold.errors import DataError
from finegold.samples.dataset import Dataset, ReadOptions
from finegold.samples.exclusions import RowError
from finegold.samples.formats.records import Parsed, parse_record
from finegold.samples.formats.rows import build_row, first_names
from finegold.samples.roots import ImageRoot, choose_root
from finegold.samples.sample import ImageRef, Row

BATCH = 16
"""Rows that are held at a time: with a few megabytes an image, tens of megabytes."""
_LEADING = 16


@dataclass
class TableDataset(Dataset):
    """Rows of one or more Arrow tables on disk.

    Attributes:
        shards: The files, in reading order.
        counts: Number of rows of each.
    """

    path: Path
    shards: list[Path]
    counts: tuple[int, ...]
    root: ImageRoot
    options: ReadOptions = field(default_factory=ReadOptions)

    def __post_init__(self) -> None:
        self.image_root = self.root.folder

    @abstractmethod
    def batches(self, shard: int, skip: int) -> Iterator[pa.RecordBatch]:
        """Record batches of one shard from row `skip` on."""

    def count(self) -> int:
        """Number of rows, from the files' own headers."""
        return sum(self.counts)

    def files(self) -> list[Path]:
        """The table files."""
        return list(self.shards)

    def rows(self, start: int = 0) -> Iterator[Row]:
        """Yield every row from `start` on. Places are `NAME row N`, counted from 1 in each file.

        Raises:
            DataError: If a file is damaged in the middle.
        """
        first = 0
        for shard, file in enumerate(self.shards):
            if start < first + self.counts[shard]:
                yield from self._shard_rows(shard, file, first, max(0, start - first))
            first += self.counts[shard]

    def _shard_rows(self, shard: int, file: Path, first: int, skip: int) -> Iterator[Row]:
        position = skip
        try:
            for batch in self.batches(shard, skip):
                for offset in range(0, batch.num_rows, BATCH):
                    for record in batch.slice(offset, BATCH).to_pylist():
                        place = f"{file.name} row {position + 1}"
                        yield build_row(
                            first + position, place, record, self.options, partial(self.parse, record)
                        )
                        position += 1
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0][:200]
            raise DataError(
                f"{file} cannot be read after row {position} ({reason}): check that it was fully copied"
            ) from None

    def locate(self, name: str) -> Path | None:
        """The file below the image root that a name means."""
        return self.root.find(name)

    def parse(self, record: Any) -> tuple[Parsed, tuple[ImageRef, ...]]:
        """Read one row and locate its images; raises RowError."""
        parsed = parse_record(record, self.options.instruction)
        return parsed, tuple(self.root.ref(image) for image in parsed.images)


def leading_records(dataset: TableDataset) -> list[Any]:
    """The first rows as dicts.

    Raises:
        DataError: If there are none, or none has a known shape.
    """
    records = [
        record
        for shard in range(len(dataset.shards))
        for batch in islice(dataset.batches(shard, 0), 1)
        for record in batch.slice(0, _LEADING).to_pylist()
    ]
    if not records:
        raise DataError(f"{dataset.path} holds no rows, expected at least one")
    reason = ""
    for record in records:
        try:
            parse_record(record)
            return records
        except RowError as error:
            reason = reason or str(error)
    raise DataError(f"{dataset.path} cannot be understood: {reason}")


def find_root(dataset: TableDataset, beside: Path) -> ImageRoot:
    """The image root of a table whose images may be bytes: none is needed then, and any is harmless."""
    names = first_names(leading_records(dataset))
    return ImageRoot.at(choose_root(beside.absolute(), names), allow_urls=dataset.options.allow_urls)


def kept_refs(dataset: Dataset, wanted: set[int]) -> Iterator[ImageRef]:
    """The image references of the rows at the positions `wanted`."""
    for row in dataset.rows(min(wanted, default=0)) if wanted else ():
        if row.index in wanted and row.sample is not None:
            yield from row.sample.images
