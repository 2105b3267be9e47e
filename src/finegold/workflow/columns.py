"""Columns that were computed elsewhere come in by id: scores, embeddings, or attributes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Flags, Ints
from finegold.encoders.step import embeddings_schema
from finegold.errors import ConfigError, DataError, did_you_mean
from finegold.run import BLOCK_ROWS, PartTable, TextColumn, file_sha256
from finegold.run.cards import FieldCard
from finegold.samples.attributes import SCHEMA as ATTRIBUTE_SCHEMA
from finegold.scorers.step import SCHEMA as SCORE_SCHEMA
from finegold.selection.id_list import COLUMNS as ID_COLUMNS
from finegold.selection.table import SCHEMA as TABLE_SCHEMA
from finegold.workflow.column_file import Cells, ColumnFile
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
    content = ColumnFile(path)
    columns = content.names
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
    ids, cells = content.read(key, column)
    _check_ids(ids, path)
    if not cells.is_value.any():
        raise DataError(f"the column '{column}' of {path} has no value: name another")
    samples = rows.table.read(["sample_id", "n_images"])
    names = TextColumn(samples["sample_id"])
    place = np.where(rows.usable, ids.find(names), -1)
    given = int(cells.is_value[place[place >= 0]].sum())
    known = int(rows.usable.sum())
    if not given:
        example = pc.min(samples["sample_id"].filter(pa.array(rows.usable)))
        raise DataError(
            f"no id of {path} with a value is a usable row of the data: its ids look like "
            f"'{next(iter(ids), '')}' and those of the data like '{example}'"
        )
    origin = {"file": path.name, "column": column, "sha256": file_sha256(path)}
    _check_kinds(cells, origin)
    joined = _Joined(ids, cells, place, names, samples["n_images"].to_numpy() > 0)
    kind, table = _write(rows, name, joined, origin)
    rows.folder.log("column", name=name, kind=kind, **origin)
    unknown = len(ids) - int((place >= 0).sum())
    return BroughtColumn(name, kind, table, given, known - given, unknown)


@dataclass(frozen=True, slots=True)
class _Joined:
    """A file's column beside the run's rows.

    Attributes:
        ids: Ids of the file.
        cells: The value of each.
        place: For each row of the run its place in the file, or -1: it is not usable, or is not there.
        names: Ids of the run's rows.
        has_image: Whether each row has an image.
    """

    ids: TextColumn
    cells: Cells
    place: Ints
    names: TextColumn
    has_image: Flags


def _check_ids(ids: TextColumn, path: Path) -> None:
    if ids.repeated():
        counts = ids.array.value_counts()
        most = int(np.argmax(counts.field("counts").to_numpy()))
        twice, number = counts.field("values")[most], counts.field("counts")[most]
        raise DataError(f"{path} has {number} rows of id '{twice}': give each id one value")


def _check_kinds(cells: Cells, origin: dict[str, str]) -> None:
    lists = int(cells.is_list.sum())
    if cells.objects or 0 < lists < int(cells.present.sum()):
        raise DataError(
            f"the column '{origin['column']}' of {origin['file']} holds objects, or lists beside other "
            "values, expected numbers, texts, or lists of numbers alone"
        )


def _write(rows: Rows, name: str, joined: _Joined, origin: dict[str, str]) -> tuple[Kind, PartTable]:
    cells = joined.cells
    table: PartTable
    part: Callable[[Ints], dict[str, Any]]
    kind: Kind
    lacking = f"{origin['file']} has no value of it for this id"
    if cells.is_list.any():
        kind, dim = "embeddings", _dimension(joined, origin["file"])
        parameters: dict[str, Any] = {"data": rows.sequence, "model": {"kind": "column", **origin}}
        table = rows.folder.table("embeddings", name, parameters, embeddings_schema(dim))

        def part(places: Ints) -> dict[str, Any]:
            found = cells.take(joined.place[places])
            vectors = np.full((len(places), dim), np.nan, np.float32)
            vectors[found.present] = found.vectors.flatten().to_numpy().reshape(-1, dim)
            lack = ~found.present & joined.has_image[places]
            return {
                "sample_id": joined.names.take(places).array.cast(pa.string()),
                "embedding": pa.FixedSizeListArray.from_arrays(vectors.ravel(), dim),
                "reason": pc.if_else(pa.array(lack), lacking, pa.scalar(None, pa.string())),
            }

    elif int(cells.is_number.sum()) * 2 > int(cells.present.sum()):
        kind = "scores"
        parameters = {"scorer": name, "version": VERSION, "parameters": origin, "model": None}
        table = rows.folder.table("scores", name, {"data": rows.sequence, **parameters}, SCORE_SCHEMA)

        def part(places: Ints) -> dict[str, Any]:
            names = joined.names.take(places).array.cast(pa.string())
            return {"sample_id": names, **_scores(cells.take(joined.place[places]), lacking)}

    else:
        kind = "attributes"
        parameters = {"samples": rows.table.fingerprint, "field": name, "column": origin}
        table = rows.folder.table("attributes", name, parameters, ATTRIBUTE_SCHEMA)

        def part(places: Ints) -> dict[str, Any]:
            texts = cells.take(joined.place[places]).texts
            return {"row": pa.array(places), "value": texts.cast(pa.string())}

    if not table.done:
        size, number = BLOCK_ROWS * table.blocks, len(rows.usable)
        for at, start in enumerate(range(0, number, size)):
            places = np.arange(start, min(start + size, number))
            table.write(at, part(places if kind == "attributes" else places[rows.usable[places]]))
        table.finish(math.ceil(number / size))
    return kind, table


def _dimension(joined: _Joined, file: str) -> int:
    """The length of all lists; DataError if one has another length, or holds what is no finite number."""
    cells = joined.cells
    lengths = pc.list_value_length(cells.vectors).fill_null(0).to_numpy(zero_copy_only=False)
    dim = int(lengths.max(initial=0))
    odd = cells.is_list & ((lengths != dim) | (dim == 0))
    if not odd.any():
        finite = np.isfinite(cells.vectors.flatten().to_numpy()).reshape(-1, dim).all(axis=1)
        odd[np.flatnonzero(cells.is_list)[~finite]] = True
    if odd.any():
        key = joined.ids[int(np.argmax(odd))]
        raise DataError(
            f"the embedding of id '{key}' in {file} is no list of {dim} finite numbers: give "
            "every id one of the same length"
        )
    return dim


def _scores(found: Cells, lacking: str) -> dict[str, Any]:
    """Value, status and reason; what is no finite number never becomes one."""
    none = ~found.is_value
    ok = found.is_number & np.isfinite(found.numbers)
    seen = pc.utf8_slice_codeunits(found.texts.cast(pa.string()), 0, 60)
    odd = pc.binary_join_element_wise("the value '", seen, "' is no finite number", "")
    reason = pc.if_else(pa.array(none), lacking, pc.if_else(pa.array(ok), None, odd))
    status = pc.if_else(pa.array(none), "skipped", pc.if_else(pa.array(ok), "ok", "failed"))
    value = pa.array(found.numbers, mask=~ok)
    return {"value": value, "status": status, "reason": reason.cast(pa.string())}
