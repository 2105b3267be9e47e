"""Parquet: one file, a folder or a pattern of files, with the columns of any shape that `records` lists.

Images are `struct{bytes, path}` as Hugging Face stores them, binary, path strings, or lists of these. Of a
file, one page of a column is in memory at a time, which is at most a row group, however many there are.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finegold.errors import DataError
from finegold.run import arrow_file
from finegold.samples.arrow import (
    BATCH,
    DamagedRows,
    TableDataset,
    check_count,
    first_line,
    kept_rows,
    skip_rows,
    weighed,
)
from finegold.samples.arrow_size import find_named_excess
from finegold.samples.dataset import FORMATS, DataFiles
from finegold.samples.parquet_pages import find_packed_excess, open_parquet, read_pages, rows_at_a_time

_GROUP = 32 << 20
"""Bytes of a written row group."""


@FORMATS.register("parquet")
class ParquetDataset(TableDataset):
    """Parquet files, read a few rows at a time."""

    content = "a Parquet file"
    suffixes = (".parquet",)
    sharded = True

    @classmethod
    def fit(cls, source: DataFiles) -> float:
        """Whether the file begins as Parquet files do."""
        return float(source.head.startswith(b"PAR1"))

    def count_rows(self, shard: Path) -> int:
        """Number of rows, from the file's footer; raises DataError if it is damaged."""
        return check_count(shard, sum(_group_rows(_open(shard))))

    def batches(self, shard: int, skip: int = 0) -> Iterator[pa.RecordBatch | DamagedRows]:
        """Record batches of one file from row `skip` on. Damage ends its row group and not the file."""
        source = _open(self.shards[shard])
        for group, rows in enumerate(_group_rows(source)):
            if rows > skip:
                yield from skip_rows(_read_group(source, self.shards[shard], group, rows), skip)
            skip = max(0, skip - rows)

    def write_records(self, out: Path, keep: set[int]) -> tuple[Path, int]:
        """Write the kept rows with each file's own schema, metadata and codec, under the files' own names.

        A file of which nothing is kept is not written.
        """
        written = start = 0
        targets = self.output_names(out)
        for shard, (target, count) in enumerate(zip(targets, self.counts, strict=True)):
            inside = {index - start for index in keep if start <= index < start + count}
            if inside or (not keep and shard == 0):
                self._write_shard(shard, target, inside)
                written += len(inside)
            start += count
        return out if len(targets) > 1 else targets[0], written

    def _write_shard(self, shard: int, target: Path, inside: set[int]) -> None:
        source = _open(self.shards[shard])
        columns = source.metadata.num_columns if source.metadata.num_row_groups else 0
        codec = source.metadata.row_group(0).column(0).compression if columns else "SNAPPY"
        codec = {"UNCOMPRESSED": "NONE", "LZ4_RAW": "LZ4"}.get(codec, codec)
        schema, position = source.schema_arrow, 0
        pending: list[pa.RecordBatch] = []
        with arrow_file(target, "wb") as sink, pq.ParquetWriter(sink, schema, compression=codec) as file:
            for batch in self.batches(shard):
                if isinstance(batch, DamagedRows):
                    position += batch.num_rows
                    continue
                kept = kept_rows(batch, position, inside)
                position += batch.num_rows
                pending += [kept] if kept.num_rows else []
                if sum(part.nbytes for part in pending) > _GROUP:
                    file.write_table(pa.Table.from_batches(pending, schema))
                    pending = []
            file.write_table(pa.Table.from_batches(pending, schema))


def _group_rows(source: Any) -> list[int]:
    """Number of rows of each row group."""
    return [max(0, source.metadata.row_group(group).num_rows) for group in range(source.num_row_groups)]


def _read_group(source: Any, file: Path, group: int, rows: int) -> Iterator[pa.RecordBatch | DamagedRows]:
    """The batches of one row group, with as many rows as the file states, whatever is found."""
    done = named = 0
    try:
        pages = read_pages(file, source, group)
        if excess := find_packed_excess(pages, file, group):
            raise pa.ArrowInvalid(excess)
        own = sum(column.unpacked for column in pages)
        for batch in source.iter_batches(batch_size=rows_at_a_time(pages, BATCH), row_groups=[group]):
            if done + batch.num_rows > rows:
                raise pa.ArrowInvalid("there are more rows than the file states")
            found, size = weighed(batch)
            if isinstance(found, pa.RecordBatch):
                named += size
                if excess := find_named_excess(named, done + batch.num_rows, own):
                    raise pa.ArrowInvalid(excess)
            done += batch.num_rows
            yield found
        reason = "there are fewer rows than the file states"
    except (pa.ArrowException, OSError, ValueError, MemoryError, IndexError) as error:
        reason = first_line(error)
    if done < rows:
        yield DamagedRows(rows - done, reason)


def _open(file: Path) -> Any:
    try:
        return open_parquet(file)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise DataError(
            f"{file} is not a whole Parquet file ({first_line(error)}): check that it was fully copied"
        ) from None
