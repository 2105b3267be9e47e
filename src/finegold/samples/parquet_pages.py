"""What the pages of a Parquet file unpack to, read from the pages' own headers, since a footer may say less.

A value may also be named by a few bits: in a dictionary, or as the beginning of the value before it. So
a page of a megabyte may stand for any number of gigabytes. Field numbers are those of `parquet.thrift`.
"""

import mmap
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finegold.run import arrow_file

_BUFFER = 1 << 20
MAX_PAGES = 768 << 20
"""Bytes of the largest pages of all columns of a row group, which are in memory together."""
_UNPACKED = 256 << 20
"""Bytes of an unpacked column of a row group from which on `_RATIO` is looked at."""
_RATIO = 50
"""How many times its packed size such a column may have; images and texts have 1 to 10 times."""
_NAMED = 256 << 20
"""Bytes of the long values that the rows of a batch may name."""
_DICTIONARY, _DATA_V2 = 2, 3
_PREFIXES = 7
"""The encoding DELTA_BYTE_ARRAY."""


@dataclass(slots=True)
class ColumnPages:
    """The pages of one column of a row group.

    Attributes:
        name: Path of the column.
        packed: Bytes of all pages as they are stored.
        unpacked: Bytes of all pages.
        largest: Bytes of the largest page of values.
        named: Most bytes that one value may have which takes none of the page: a dictionary, or a page of
            prefixes.
        values: Number of values.
        nested: Whether a row may hold several values.
    """

    name: str
    packed: int
    unpacked: int = 0
    largest: int = 0
    named: int = 0
    values: int = 0
    nested: bool = False


def read_pages(file: Path, source: Any, group: int) -> list[ColumnPages]:
    """The columns of a row group; damage ends a column, and reading it will say so.

    Args:
        file: The file.
        source: The same as a `pyarrow.parquet.ParquetFile`.
        group: Number of the row group.
    """
    columns = source.metadata.row_group(group)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return [
            _read_column(data, columns.column(place), source.schema.column(place).max_repetition_level > 0)
            for place in range(columns.num_columns)
        ]


def _read_column(data: mmap.mmap, column: Any, nested: bool) -> ColumnPages:
    packed = max(1, column.total_compressed_size)
    found = ColumnPages(column.path_in_schema, packed, values=column.num_values, nested=nested)
    starts = (column.data_page_offset, column.dictionary_page_offset if column.has_dictionary_page else 0)
    start = min((one for one in starts if one), default=len(data))
    end = min(len(data), start + packed)
    try:
        while start < end:
            header, body = _struct(data, start)
            kind, size = header.get(1), max(0, header.get(2, 0))
            found.unpacked += size
            if kind == _DICTIONARY:
                found.named = max(found.named, size)
            else:
                found.largest = max(found.largest, size)
                about = header.get(8, {}).get(4) if kind == _DATA_V2 else header.get(5, {}).get(2)
                if about == _PREFIXES:
                    found.named = max(found.named, size)
            start = body + max(0, header.get(3, 0))
    except (IndexError, ValueError, TypeError, AttributeError):
        pass  # Damage.
    return found


def find_packed_excess(pages: Sequence[ColumnPages], file: Path, group: int) -> str | None:
    """Why a row group is not unpacked; None if it is."""
    for column in pages:
        if column.unpacked > _UNPACKED and column.unpacked > _RATIO * column.packed:
            return (
                f"the column '{column.name}' unpacks from {column.packed:,} bytes to {column.unpacked:,}, "
                f"more than {_RATIO} times"
            )
    together = sum(column.largest + column.named for column in pages)
    if together > MAX_PAGES:
        return (
            f"its pages unpack to {together:,} bytes, at most {MAX_PAGES:,} are allowed: write smaller groups"
        )
    doubtful = [column.name for column in pages if column.nested and column.named * column.values > MAX_PAGES]
    if doubtful and not _fits(file, group, doubtful):
        return f"the column '{doubtful[0]}' names long values too often for {MAX_PAGES:,} bytes"
    return None


def open_parquet(file: Path) -> Any:
    """A file as a `pyarrow.parquet.ParquetFile` that reads a page at a time; raises what pyarrow raises."""
    return pq.ParquetFile(arrow_file(file), buffer_size=_BUFFER, pre_buffer=False)


def read_parquet_file(file: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The whole of a small file that others made, such as a list of ids, validated.

    Raises:
        OSError: If it cannot be read.
        pyarrow.ArrowException: If it is damaged, or unpacks to too much.
    """
    source = open_parquet(file)
    for group in range(source.num_row_groups):
        if excess := find_packed_excess(read_pages(file, source, group), file, group):
            raise pa.ArrowInvalid(excess)
    table = source.read(columns=columns and list(columns))
    table.validate(full=True)
    return table


def rows_at_a_time(pages: Sequence[ColumnPages], most: int) -> int:
    """Rows of a batch, at most `most`: fewer where each row may name a long value."""
    named = sum(column.named for column in pages if not column.nested)
    return max(1, min(most, _NAMED // max(1, named)))


_TRY = """
import os, resource, sys
import pyarrow as pa, pyarrow.parquet as pq
limit = int(sys.argv[1]) + (256 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
file = pq.ParquetFile(pa.OSFile(os.fsencode(sys.argv[2])), pre_buffer=False)
for batch in file.iter_batches(16, row_groups=[int(sys.argv[3])], columns=sys.argv[4:], use_threads=False):
    pass
"""


def _fits(file: Path, group: int, columns: list[str]) -> bool:
    """Whether columns can be read in `MAX_PAGES` bytes, which a process of its own finds out."""
    words = [sys.executable, "-P", "-c", _TRY, str(MAX_PAGES), str(file), str(group), *columns]
    environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}
    return subprocess.run(words, capture_output=True, check=False, env=environment).returncode == 0


def _struct(data: mmap.mmap, place: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """The fields of a struct in Thrift's compact protocol, by number, and the place behind it."""
    if depth > 8:
        raise ValueError("too deep")
    fields: dict[int, Any] = {}
    number = 0
    while head := data[place]:
        place += 1
        if head >> 4:
            number += head >> 4
        else:
            number, place = _integer(data, place)
        fields[number], place = _value(data, place, head & 15, depth)
    return fields, place + 1


def _value(data: mmap.mmap, place: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, place
    if kind == 3:
        return data[place], place + 1
    if kind in (4, 5, 6):
        return _integer(data, place)
    if kind == 7:
        return None, place + 8
    if kind == 8:
        size, place = _varint(data, place)
        return None, place + size
    if kind == 12:
        return _struct(data, place, depth + 1)
    raise ValueError("a kind that no header of a page has")


def _varint(data: mmap.mmap, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _integer(data: mmap.mmap, place: int) -> tuple[int, int]:
    value, place = _varint(data, place)
    return (value >> 1) ^ -(value & 1), place
