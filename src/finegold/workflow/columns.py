"""Columns that were computed elsewhere come in by id: scores, embeddings, or attributes."""

import csv
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from finegold.encoders.step import embeddings_schema
from finegold.errors import ConfigError, DataError, did_you_mean
from finegold.run import BLOCK_ROWS, PartTable, file_sha256
from finegold.run.cards import FieldCard
from finegold.samples.attributes import SCHEMA as ATTRIBUTE_SCHEMA
from finegold.samples.parquet_pages import read_parquet_file
from finegold.scorers.step import SCHEMA as SCORE_SCHEMA
from finegold.selection.id_list import COLUMNS as ID_COLUMNS
from finegold.selection.id_list import csv_rows, filled_lines, id_text, refuse_twice
from finegold.selection.table import SCHEMA as TABLE_SCHEMA
from finegold.workflow.filters import COLUMNS
from finegold.workflow.rows import Rows

Kind = Literal["scores", "embeddings", "attributes"]
VERSION = "column"
"""Version of a score table that no scorer made."""


@dataclass(frozen=True, slots=True)
class BroughtColumn(FieldCard):
    """A column that came in.

    Attributes:
        name: What the run calls it.
        kind: What it is: numbers are scores, lists of numbers embeddings, texts attributes.
        table: Its table in the run folder.
        given: Usable rows that have a value.
        missing: Usable rows without one.
        unknown: Ids of the file that are no usable row.
    """

    name: str
    kind: Kind
    table: PartTable
    given: int
    missing: int
    unknown: int


def bring_column(
    rows: Rows, file: str | Path, column: str | None = None, name: str | None = None
) -> BroughtColumn:
    """Bring a column of a file into a run folder, with the hash of the file and the column's name.

    Args:
        rows: The run's checked rows.
        file: CSV, JSON lines or Parquet file with a column `sample_id` or `id`.
        column: Name of the column; None for the only other one.
        name: What the run calls it; None for the column's name.

    Raises:
        DataError: If the file cannot be read, or gives an id two values.
        ConfigError: If there is no such column, or the name is taken.
    """
    path = Path(file)
    columns = _read(path)
    if not columns:
        raise DataError(f"{path} is empty, expected a column sample_id and a column of values")
    key = next((one for one in ID_COLUMNS if one in columns), None)
    if key is None:
        raise DataError(
            f"{path} has the columns {', '.join(columns)}, expected one of ids: call it sample_id"
        )
    others = [one for one in columns if one not in ID_COLUMNS]
    if column is None and len(others) != 1:
        raise ConfigError(
            f"{path} has the columns {', '.join(others) or 'none'} beside ids: name one as FILE:COLUMN"
        )
    column = column or others[0]
    if column not in columns or column == key:
        raise ConfigError(
            f"{path} has no column '{column}'{did_you_mean(column, others)}: give one of {', '.join(others)}"
        )
    name = name or column
    taken = {*COLUMNS, *TABLE_SCHEMA.names}
    if name in taken or not name.strip() or set(name) & set(",=\n"):
        raise ConfigError(
            f"a column cannot be called '{name}', which is a name of finegold's own or has a sign that "
            "options use: give it another with --name"
        )
    values = _by_id(columns[key], columns[column], path)
    if not any(map(_is_value, values.values())):
        raise DataError(f"the column '{column}' of {path} has no value: name another")
    samples = rows.table.read(["row", "sample_id", "n_images"]).to_pydict()
    usable = rows.usable.tolist()
    ids = [one if ok else None for one, ok in zip(samples["sample_id"], usable, strict=True)]
    known = {one for one in ids if one is not None}
    given = sum(_is_value(values.get(one)) for one in known)
    if not given:
        raise DataError(
            f"no id of {path} with a value is a usable row of the data: its ids look like "
            f"'{next(iter(values), '')}' and those of the data like '{min(known)}'"
        )
    origin = {"file": path.name, "column": column, "sha256": file_sha256(path)}
    kind, table = _write(rows, name, ids, values, samples["n_images"], origin)
    rows.folder.log("column", name=name, kind=kind, **origin)
    return BroughtColumn(name, kind, table, given, len(known) - given, len(set(values) - known))


def _write(
    rows: Rows,
    name: str,
    ids: Sequence[str | None],
    values: dict[str, Any],
    images: Sequence[int | None],
    origin: dict[str, str],
) -> tuple[Kind, PartTable]:
    some = [value for value in values.values() if value is not None]
    table: PartTable
    part: Callable[[Sequence[int]], dict[str, list[Any]]]
    kind: Kind
    lacking = f"{origin['file']} has no value of it for this id"
    lists = [isinstance(value, list | np.ndarray) for value in some]
    if (any(lists) and not all(lists)) or any(isinstance(value, dict) for value in some):
        raise DataError(
            f"the column '{origin['column']}' of {origin['file']} holds objects, or lists beside other "
            "values, expected numbers, texts, or lists of numbers alone"
        )
    if all(lists):
        kind, dim = "embeddings", max(map(len, some))
        odd = next(
            (key for key, value in values.items() if value is not None and not _is_vector(value, dim)), None
        )
        if odd is not None:
            raise DataError(
                f"the embedding of id '{odd}' in {origin['file']} is no list of {dim} finite numbers: give "
                "every id one of the same length"
            )
        table = rows.folder.table(
            "embeddings",
            name,
            {"data": rows.sequence, "model": {"kind": "column", **origin}},
            embeddings_schema(dim),
        )

        def part(places: Sequence[int]) -> dict[str, list[Any]]:
            found = [values.get(ids[at] or "") for at in places]
            return {
                "sample_id": [ids[at] for at in places],
                "embedding": [[math.nan] * dim if one is None else list(one) for one in found],
                "reason": [
                    lacking if one is None and images[at] else None
                    for at, one in zip(places, found, strict=True)
                ],
            }

    elif _mostly_numbers(some):
        kind = "scores"
        parameters = {"scorer": name, "version": VERSION, "parameters": origin, "model": None}
        table = rows.folder.table("scores", name, {"data": rows.sequence, **parameters}, SCORE_SCHEMA)

        def part(places: Sequence[int]) -> dict[str, list[Any]]:
            found = [_score(values.get(ids[at] or ""), lacking) for at in places]
            names = ("value", "status", "reason")
            columns: dict[str, list[Any]] = {key: [one[at] for one in found] for at, key in enumerate(names)}
            return {"sample_id": [ids[at] for at in places], **columns}

    else:
        kind = "attributes"
        parameters = {"samples": rows.table.fingerprint, "field": name, "column": origin}
        table = rows.folder.table("attributes", name, parameters, ATTRIBUTE_SCHEMA)

        def part(places: Sequence[int]) -> dict[str, list[Any]]:
            texts = [values.get(ids[at] or "") for at in places]
            return {"row": list(places), "value": [None if one is None else str(one) for one in texts]}

    if not table.done:
        size = BLOCK_ROWS * table.blocks
        for number, start in enumerate(range(0, len(ids), size)):
            places = range(start, min(start + size, len(ids)))
            table.write(number, part([at for at in places if kind == "attributes" or ids[at] is not None]))
        table.finish(math.ceil(len(ids) / size))
    return kind, table


def _is_value(value: Any) -> bool:
    """Whether a cell says anything: neither nothing nor NaN."""
    return value is not None and not (isinstance(value, float | str) and math.isnan(_number(value) or 0))


def _is_vector(value: Any, dim: int) -> bool:
    if not isinstance(value, list | np.ndarray) or len(value) != dim or dim == 0:
        return False
    return all(_number(one) is not None and math.isfinite(float(one)) for one in value)


def _number(value: Any) -> float | None:
    """The number that a value is; None for a text that is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _mostly_numbers(values: Sequence[Any]) -> bool:
    return sum(_number(value) is not None for value in values) * 2 > len(values)


def _score(value: Any, lacking: str) -> tuple[float | None, str, str | None]:
    """Value, status and reason; what is no finite number never becomes one."""
    number = _number(value)
    if value is None or (number is not None and math.isnan(number)):
        return None, "skipped", lacking
    if number is None or math.isinf(number):
        return None, "failed", f"the value '{str(value)[:60]}' is no finite number"
    return number, "ok", None


def _by_id(ids: Sequence[Any], values: Sequence[Any], path: Path) -> dict[str, Any]:
    texts = [id_text(key) for key in ids]
    found = {key: value for key, value in zip(texts, values, strict=True) if key is not None}
    if len(found) < sum(key is not None for key in texts):
        twice, number = Counter(key for key in texts if key is not None).most_common(1)[0]
        raise DataError(f"{path} has {number} rows of id '{twice}': give each id one value")
    return found


def _read(path: Path) -> dict[str, list[Any]]:
    """Columns of a file; an empty cell is None."""
    try:
        if path.suffix == ".parquet":
            found = read_parquet_file(path)
            refuse_twice(found.column_names)
            return {name: found[name].to_pylist() for name in found.column_names}
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix in (".csv", ".tsv"):
            table = csv_rows(text, path.suffix)
            lines = list(table)
            if (long := next((at for at, line in enumerate(lines, 1) if None in line), None)) is not None:
                raise ValueError(f"row {long} has more cells than the first line names")
            return {name: [line[name] or None for line in lines] for name in table.fieldnames or ()}
        array = path.suffix == ".json" and text.lstrip().startswith("[")
        records = json.loads(text) if array else [json.loads(line) for line in filled_lines(text)]
        if not all(isinstance(record, dict) for record in records):
            raise ValueError("a line or an item is no JSON object")
        names = list(dict.fromkeys(name for record in records for name in record))
        return {name: [record.get(name) for record in records] for name in names}
    except (OSError, ValueError, RecursionError, csv.Error, pa.ArrowException) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f"{path} cannot be read ({why}): give a CSV, JSON lines or Parquet file with a column sample_id"
        ) from None
