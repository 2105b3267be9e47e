"""A table of a run folder as one file: every row, one column an indicator."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from finegold.errors import ConfigError, did_you_mean
from finegold.run import PartTable, RunFolder, TextColumn, arrow_file, atomic_path
from finegold.selection.manifest import MANIFEST, read_table
from finegold.workflow.filters import COLUMNS
from finegold.workflow.rows import Rows

Table = Literal["scores", "selection"]
Format = Literal["parquet", "csv"]
_AT_ONCE = 1 << 20


def _format_of(out: Path) -> Format:
    """The format that the name of a file states; without a suffix, Parquet.

    Raises:
        ConfigError: If the suffix is that of another format.
    """
    found: Format = "csv" if out.suffix.lower() == ".csv" else "parquet"
    if out.suffix.lower() not in ("", f".{found}"):
        raise ConfigError(
            f"--out {out} ends in '{out.suffix}', expected .csv or .parquet: name the file so, or give "
            "--format"
        )
    return found


def export_table(
    rows: Rows,
    out: Path,
    table: Table = "scores",
    format: Format | None = None,
    selection: Path | None = None,
) -> pa.Table:
    """Write all rows with their indicators, kind, source, cluster and reason to a file; returns the table.

    Args:
        rows: The run's checked rows.
        out: The file.
        table: `scores`: what was computed, each row's status and reasons; `selection`: a selection's table.
        format: `parquet` or `csv`; None for what the name of the file states.
        selection: The `selection.json`, if the run folder has several.

    Raises:
        ConfigError: If the table is unknown, or it is not clear which selection is meant.
    """
    format = format or _format_of(out)
    for option, given, known in (("table", table, get_args(Table)), ("format", format, get_args(Format))):
        if given not in known:
            raise ConfigError(
                f"there is no {option} '{given}'{did_you_mean(given, known)}: give --{option} "
                f"{' or '.join(known)}"
            )
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder, expected a file: write {out / 'rows.parquet'}")
    found = scores_of(rows) if table == "scores" else read_table(selection or _only_selection(rows.folder))
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(out) as temporary, arrow_file(temporary, "wb") as file:
        if format == "csv":
            pa_csv.write_csv(found, file)
        else:
            pq.write_table(found, file)
    return found


def _only_selection(run: RunFolder) -> Path:
    found = sorted((run.path / "selections").glob(f"*/{MANIFEST}"))
    if len(found) != 1:
        names = ", ".join(str(path) for path in found) or "none: run `finegold select` first"
        raise ConfigError(f"{run.path} has {len(found)} selections: name one with --selection ({names})")
    return found[0]


def scores_of(rows: Rows) -> pa.Table:
    """Every row of the dataset with its columns, clusters, and values by every finished score table.

    A column has the name of the indicator, or of the table's folder where an indicator has several. `reason`
    says why the row cannot be used, and why indicators have no value of it.
    """
    run, sequence = rows.folder, rows.sequence
    table = rows.table.read([*COLUMNS, "status", "code", "reason", "content_hash"])
    usable = np.flatnonzero(rows.usable)
    known = TextColumn(table["sample_id"].filter(pa.array(rows.usable)))

    def spread(read: pa.Table) -> pa.Table:
        """The rows of a table of scores or clusters at their places in the dataset, null elsewhere."""
        place = known.find(TextColumn(read["sample_id"]))
        at = np.full(len(table), -1)
        at[usable[place[place >= 0]]] = np.flatnonzero(place >= 0)
        return read.take(pa.array(at, mask=at < 0))

    reasons = [_texts(table["reason"])]
    scores, clusters = run.tables("scores", data=sequence), run.tables("clusters", data=sequence)
    columns: dict[str, pa.ChunkedArray] = {}
    for name, scored in named_tables(scores, "scorer").items():
        found = spread(scored.read(["sample_id", "value", "reason"]))
        columns[name] = found["value"]
        reasons.append(pc.binary_join_element_wise(_large(f"{name}: "), _texts(found["reason"]), _large("")))
    for at, one in enumerate(clusters):
        name = "cluster" if len(clusters) == 1 else f"cluster {clusters[at].folder.name}"
        columns[name] = spread(one.read(["sample_id", "cluster"]))["cluster"]
    for field in run.tables("attributes", samples=rows.table.fingerprint):
        if "column" in field.parameters:
            columns[str(field.parameters["field"])] = field.read(["value"])["value"]
    table = table.set_column(table.column_names.index("reason"), "reason", _joined(reasons))
    for name, column in columns.items():
        table = table.append_column(name if name not in table.column_names else f"{name} (indicator)", column)
    return table


def named_tables(tables: list[PartTable], key: str) -> dict[str, PartTable]:
    """Tables by a parameter such as `scorer`, or by the name of their folder where several have the same."""
    numbers = Counter(str(one.parameters[key]) for one in tables)
    return {
        str(one.parameters[key]) if numbers[str(one.parameters[key])] == 1 else one.folder.name: one
        for one in tables
    }


def _large(text: str | None) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _texts(column: pa.ChunkedArray) -> pa.Array:
    """A column of texts in one piece, null for an empty one."""
    texts = TextColumn(column).array
    return pc.if_else(pc.equal(texts, ""), _large(None), texts)


def _joined(columns: Sequence[pa.Array]) -> pa.ChunkedArray:
    """The texts of each row that are not null, with bars between them; null where there is none."""
    chunks = []
    for start in range(0, len(columns[0]), _AT_ONCE):
        joined, *others = (column.slice(start, _AT_ONCE) for column in columns)
        for one in others:
            both = pc.binary_join_element_wise(joined, one, _large(" | "))  # null if one of them is
            joined = pc.coalesce(both, joined, one)
        chunks.append(joined.cast(pa.string()))
    return pa.chunked_array(chunks, pa.string())
