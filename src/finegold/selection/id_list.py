"""Lists of sample ids that pin rows (`--include`) or veto them (`--exclude`)."""

import csv
import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from finegold.errors import ConfigError, why_unread
from finegold.samples.parquet_pages import read_parquet_file

COLUMNS = ("sample_id", "id")
"""Names of the column of ids in a table; the first that is there counts."""


@dataclass(frozen=True)
class IdList:
    """Distinct sample ids, sorted.

    Attributes:
        ids: The ids.
        name: Name of the file; empty for ids of a program.
    """

    ids: tuple[str, ...]
    name: str = ""

    @classmethod
    def of(cls, ids: "IdList | str | Path | Iterable[str | int]", option: str) -> "IdList":
        """The list of a file, or of the ids that a program has.

        Args:
            ids: A text file with one id a line; a CSV, JSON lines or Parquet file with a column `sample_id`
                or `id`; or the ids.
            option: Name of the option, for messages: `--include`.

        Raises:
            ConfigError: If the file cannot be read, or there is no id in it.
        """
        if isinstance(ids, IdList):
            return ids
        if isinstance(ids, str | Path):
            path = Path(ids)
            try:
                found, name = _read(path, option), path.name
            except (OSError, ValueError, RecursionError, csv.Error, pa.ArrowException) as error:
                raise ConfigError(
                    f"{option} names {path}, which cannot be read ({why_unread(error)}): give a text "
                    "file with one id a line, or a CSV, JSON lines or Parquet file with a column "
                    f"{COLUMNS[0]}"
                ) from None
        else:
            found, name = [str(one) for one in ids], ""
        if not found:
            raise ConfigError(f"{option} names {name or 'a list'} without an id: give at least one id")
        return cls(tuple(sorted(set(found))), name)

    @property
    def text(self) -> str:
        """One JSON text a line, so that an id may hold anything."""
        return "".join(json.dumps({"sample_id": one}, ensure_ascii=False) + "\n" for one in self.ids)

    @cached_property
    def sha256(self) -> str:
        """Hash of `text`: equal ids have the same one, in whatever file and order they are."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    @cached_property
    def found(self) -> frozenset[str]:
        """The ids, to look one up."""
        return frozenset(self.ids)


def csv_rows(lines: Iterable[str], suffix: str) -> "csv.DictReader[str]":
    """The rows of a file `.csv` or `.tsv`, opened with `newline=""`: a cell in quotes may hold line ends.

    Raises:
        ValueError: If two columns have one name.
    """
    rows = csv.DictReader(lines, delimiter="\t" if suffix == ".tsv" else ",")
    refuse_twice(rows.fieldnames or ())
    return rows


def refuse_twice(names: Iterable[str]) -> None:
    """Raise ValueError if two columns have one name."""
    twice, number = next(iter(Counter(names).most_common(1)), ("", 0))
    if number > 1:
        raise ValueError(f"it has {number} columns '{twice}'")


def id_text(value: Any) -> str | None:
    """An id of a table as text: a table whose ids have gaps holds whole numbers as 7.0. None for no id."""
    if isinstance(value, float):
        return None if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    return None if value is None else str(value)


def _read(path: Path, option: str) -> list[str]:
    if path.suffix == ".parquet":
        table = read_parquet_file(path)
        refuse_twice(table.column_names)
        found = table[_column(table.column_names, path, option)]
        return [text for one in found.to_pylist() if (text := id_text(one)) is not None]
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix in (".csv", ".tsv"):
        rows = csv_rows(io.StringIO(text, newline=""), path.suffix)
        column = _column(list(rows.fieldnames or ()), path, option)
        return [row[column] for row in rows if row[column]]
    # Only a newline ends a line: a JSON text may hold U+2028 or U+0085.
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if path.suffix in (".jsonl", ".ndjson"):
        return [_of_record(json.loads(line), path, option) for line in lines]
    if path.suffix == ".json":
        content = json.loads(text)
        if not isinstance(content, list):
            raise ValueError("it holds no list of ids")
        return [_of_record(one, path, option) for one in content]
    return lines


def _of_record(record: Any, path: Path, option: str) -> str:
    if isinstance(record, dict):
        return _of_record(record[_column(list(record), path, option)], path, option)
    if isinstance(record, bool) or not isinstance(record, str | int):
        raise ValueError(f"it holds {json.dumps(record)[:60]}, which is no id")
    return str(record)


def _column(names: list[str], path: Path, option: str) -> str:
    found = next((name for name in COLUMNS if name in names), None)
    if found is None:
        raise ConfigError(
            f"{option} names {path}, whose columns are {', '.join(names) or 'none'}: name the column of ids "
            f"{COLUMNS[0]}"
        )
    return found
