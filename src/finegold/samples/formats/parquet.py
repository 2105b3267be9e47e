"""Parquet: one file, a folder or a pattern of files, with the columns of any shape that `records` lists.

Images are `struct{bytes, path}` as Hugging Face stores them, binary, path strings, or lists of these. Of a
file, one page of a column is in memory at a time, which is at most a row group, however many there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from finegold.errors import DataError
from finegold.samples.dataset import ReadOptions, WrittenSubset
from finegold.samples.formats.arrow import BATCH, TableDataset, find_root, kept_refs
from finegold.samples.formats.rows import check_all_written, check_positions
from finegold.samples.formats.shards import output_names
from finegold.samples.roots import ImageRoot, write_images

_BUFFER = 1 << 20
_GROUP = 32 << 20
"""Bytes of a written row group."""


@dataclass
class ParquetDataset(TableDataset):
    """Parquet files, read a few rows at a time."""

    format: ClassVar[str] = "parquet"

    @classmethod
    def open(
        cls, path: Path, files: list[Path], root: ImageRoot | None, options: ReadOptions
    ) -> "ParquetDataset":
        """Open the files and check that their columns have a known shape.

        Raises:
            DataError: If a file is damaged or the columns have no known shape.
        """
        counts = tuple(_open(file).metadata.num_rows for file in files)
        probe = cls(path, files, counts, root or ImageRoot(None, options.allow_urls), options)
        return probe if root else cls(path, files, counts, find_root(probe, files[0].parent), options)

    def batches(self, shard: int, skip: int) -> Iterator[pa.RecordBatch]:
        """Record batches of one file from row `skip` on."""
        source = _open(self.shards[shard])
        groups = list(range(source.num_row_groups))
        while groups and source.metadata.row_group(groups[0]).num_rows <= skip:
            skip -= source.metadata.row_group(groups.pop(0)).num_rows
        if not groups:
            return
        for batch in source.iter_batches(batch_size=BATCH, row_groups=groups):
            if skip < batch.num_rows:
                yield batch.slice(skip)
            skip = max(0, skip - batch.num_rows)

    def write(self, out: Path, keep: Sequence[int], *, link: bool = False) -> WrittenSubset:
        """Write the kept rows with each file's own schema, metadata and codec, under the files' own names.

        A file of which nothing is kept is not written. Image files go to `out/images`.
        """
        wanted = check_positions(keep)
        written = 0
        targets = output_names(self.shards, out)
        for shard, target in enumerate(targets):
            start = sum(self.counts[:shard])
            inside = {index - start for index in wanted if start <= index < start + self.counts[shard]}
            if inside or (not wanted and shard == 0):
                self._write_shard(shard, target, inside)
                written += len(inside)
        check_all_written(wanted, written, self.path.name)
        files = write_images(self.root, kept_refs(self, wanted), out / "images", link=link)
        data = out if len(self.shards) > 1 else targets[0]
        return WrittenSubset(data, out / "images" if files else None, written, files)

    def _write_shard(self, shard: int, target: Path, inside: set[int]) -> None:
        source = _open(self.shards[shard])
        columns = source.metadata.num_columns if source.metadata.num_row_groups else 0
        codec = source.metadata.row_group(0).column(0).compression if columns else "SNAPPY"
        schema, pending, position = source.schema_arrow, [], 0
        codec = {"UNCOMPRESSED": "NONE", "LZ4_RAW": "LZ4"}.get(codec, codec)
        with pq.ParquetWriter(target, schema, compression=codec) as file:
            for batch in self.batches(shard, 0):
                rows = [row for row in range(batch.num_rows) if position + row in inside]
                position += batch.num_rows
                if rows:
                    pending.append(batch.take(pa.array(rows, pa.int64())))
                if sum(part.nbytes for part in pending) > _GROUP:
                    file.write_table(pa.Table.from_batches(pending, schema))
                    pending = []
            file.write_table(pa.Table.from_batches(pending, schema))


def _open(file: Path) -> Any:
    try:
        return pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        raise DataError(
            f"{file} is not a whole Parquet file ({reason}): check that it was fully copied"
        ) from None
