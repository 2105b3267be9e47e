"""A column of a file that was made elsewhere, with its ids, as arrays.

Cells are Python objects a block at a time, and those of Parquet that are numbers or lists of them never.
"""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from finegold.arrays import Flags, Floats, Ints
from finegold.errors import DataError, why_unread
from finegold.run import TextColumn
from finegold.samples.parquet_pages import open_parquet, read_parquet_file
from finegold.selection.id_list import csv_rows, id_text, refuse_twice

BLOCK = 65_536
"""Cells that are Python objects at a time."""
VECTORS = pa.large_list(pa.float32())

Block: TypeAlias = "Sequence[Any] | pa.Array"
"""Some cells of a column."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A column of n cells.

    Attributes:
        present: Whether a cell holds anything, shape (n,).
        numbers: Shape (n,), NaN where a cell is no number.
        is_number: Whether a cell is a number or a text that reads as one, NaN among them; shape (n,).
        texts: The cells as texts, null where there is none or a list.
        vectors: The lists of numbers, null where there is none.
        is_list: Whether a cell is a list, shape (n,); null in `vectors` if it does not hold numbers alone.
        objects: Number of cells that hold an object.
    """

    present: Flags
    numbers: Floats
    is_number: Flags
    texts: pa.Array
    vectors: pa.Array
    is_list: Flags
    objects: int

    @classmethod
    def of(cls, block: Block) -> "Cells":
        """A block of cells."""
        if isinstance(block, pa.Array):
            kind = block.type
            if pa.types.is_integer(kind) or pa.types.is_floating(kind):
                return cls._of_numbers(block)
            if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
                return cls._of_lists(block)
            block = block.to_pylist()
        found = [_number(cell) for cell in block]
        is_list = np.array([isinstance(cell, list) for cell in block], np.bool_)
        texts = [None if cell is None or isinstance(cell, list) else str(cell) for cell in block]
        return cls(
            present=np.array([cell is not None for cell in block], np.bool_),
            numbers=np.array([math.nan if number is None else number for number in found], np.float64),
            is_number=np.array([number is not None for number in found], np.bool_),
            texts=pa.array(texts, pa.large_string()),
            vectors=pa.array([_vector(cell) for cell in block], VECTORS),
            is_list=is_list,
            objects=sum(isinstance(cell, dict) for cell in block),
        )

    @classmethod
    def _of_numbers(cls, block: pa.Array) -> "Cells":
        present = _filled(block)
        floats = block.cast(pa.float64(), safe=False)  # Arrow writes no float16 as a text
        numbers = floats.to_numpy(zero_copy_only=False)
        return cls(
            present, numbers, present, floats.cast(pa.large_string()), *_no_lists(len(block)), objects=0
        )

    @classmethod
    def _of_lists(cls, block: pa.Array) -> "Cells":
        present = _filled(block)
        try:
            vectors = block.cast(VECTORS, safe=False)
        except pa.ArrowException:
            return cls.of(block.to_pylist())
        nothing = np.full(len(block), math.nan)
        texts = pa.nulls(len(block), pa.large_string())
        return cls(present, nothing, np.zeros(len(block), np.bool_), texts, vectors, present, objects=0)

    @classmethod
    def joined(cls, several: Sequence["Cells"]) -> "Cells":
        """Blocks one after the other."""
        several = several or [cls.of([])]
        return cls(
            np.concatenate([one.present for one in several]),
            np.concatenate([one.numbers for one in several]),
            np.concatenate([one.is_number for one in several]),
            pa.concat_arrays([one.texts for one in several]),
            pa.concat_arrays([one.vectors for one in several]),
            np.concatenate([one.is_list for one in several]),
            sum(one.objects for one in several),
        )

    @property
    def is_value(self) -> Flags:
        """Whether a cell says anything: neither nothing nor NaN."""
        found: Flags = self.present & ~(self.is_number & np.isnan(self.numbers))
        return found

    def take(self, places: Ints) -> "Cells":
        """The cells at some places; an empty one for -1."""
        there = places >= 0
        some = pa.array(places, mask=~there)
        return Cells(
            self.present[places] & there,
            np.where(there, self.numbers[places], math.nan),
            self.is_number[places] & there,
            self.texts.take(some),
            self.vectors.take(some),
            self.is_list[places] & there,
            self.objects,
        )


class ColumnFile:
    """A CSV, JSON lines or Parquet file, or a JSON array of objects, read two columns at a time.

    Attributes:
        names: The columns that it has.
    """

    def __init__(self, path: Path) -> None:
        """Read the names of the columns; those of JSON are the keys of all objects.

        Raises:
            DataError: If the file cannot be read, or two columns have one name.
        """
        self._path = path
        with _reading(path):
            if path.suffix == ".parquet":
                self.names = list(open_parquet(path).schema_arrow.names)
                refuse_twice(self.names)
            elif path.suffix in (".csv", ".tsv"):
                with path.open(encoding="utf-8-sig", newline="") as file:
                    self.names = list(csv_rows(file, path.suffix).fieldnames or ())
            else:
                self.names = list(dict.fromkeys(name for record in self._records() for name in record))

    def read(self, ids: str, values: str) -> tuple[TextColumn, Cells]:
        """The ids, and the value of each; rows without an id are left out.

        Raises:
            DataError: If the file cannot be read.
        """
        found_ids: list[pa.Array] = [pa.array([], pa.large_string())]
        found: list[Cells] = []
        with _reading(self._path):
            for keys, block in self._blocks(ids, values):
                names = pa.array([id_text(key) for key in _objects(keys)], pa.large_string())
                there = np.flatnonzero(_filled(names))
                found_ids.append(names.drop_null())
                cells = Cells.of(block)
                found.append(cells if len(there) == len(names) else cells.take(there))
        return TextColumn(pa.concat_arrays(found_ids)), Cells.joined(found)

    def _blocks(self, *names: str) -> Iterator[list[Block]]:
        if self._path.suffix == ".parquet":
            table = read_parquet_file(self._path, names)
            for batch in table.select(list(names)).to_batches(max_chunksize=BLOCK):
                yield [_plain(column) for column in batch.columns]
            return
        rows = iter(self._lines() if self._path.suffix in (".csv", ".tsv") else self._records())
        while block := list(islice(rows, BLOCK)):
            yield [[row.get(name) for row in block] for name in names]

    def _lines(self) -> Iterator[dict[str, Any]]:
        with self._path.open(encoding="utf-8-sig", newline="") as file:
            for number, line in enumerate(csv_rows(file, self._path.suffix), 1):
                if None in line:
                    raise ValueError(f"row {number} has more cells than the first line names")
                yield {name: cell or None for name, cell in line.items()}

    def _records(self) -> Iterator[dict[str, Any]]:
        # Only a newline ends a line: a JSON text may hold U+2028 or U+0085.
        with self._path.open(encoding="utf-8-sig", newline="\n") as file:
            array = self._path.suffix == ".json" and file.read(BLOCK).lstrip().startswith("[")
            file.seek(0)
            records: Iterable[Any] = json.load(file) if array else _json_lines(file)
            for record in records:
                if not isinstance(record, dict):
                    raise ValueError("a line or an item is no JSON object")
                yield record


def _json_lines(lines: Iterable[str]) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                yield json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number} is no JSON: {error.msg.lower()}") from None


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RecursionError, csv.Error, pa.ArrowException) as error:
        raise DataError(
            f"{path} cannot be read ({why_unread(error)}): give a CSV, JSON lines or Parquet file with a "
            "column sample_id"
        ) from None


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _objects(block: Block) -> Sequence[Any]:
    found: Sequence[Any] = block.to_pylist() if isinstance(block, pa.Array) else block
    return found


def _filled(block: pa.Array) -> Flags:
    flags: Flags = block.is_valid().to_numpy(zero_copy_only=False)
    return flags


def _no_lists(count: int) -> tuple[pa.Array, Flags]:
    return pa.nulls(count, VECTORS), np.zeros(count, np.bool_)


def _number(cell: Any) -> float | None:
    """The number that a cell is; None for a text that is none."""
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return None


def _vector(cell: Any) -> list[float] | None:
    """A list of numbers; None for anything else."""
    if not isinstance(cell, list):
        return None
    found = [_number(one) for one in cell]
    return None if None in found else [number for number in found if number is not None]
