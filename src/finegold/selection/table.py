"""The table of a selection: every row of the pool, chosen or not or excluded, with all that decided it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering.table import ClusterTable, read_embeddings
from finegold.errors import ConfigError
from finegold.run import PartTable, TextColumn
from finegold.samples.excluded import ExcludedRows, exclusion_columns
from finegold.selection.selection import SelectedRows

SELECTED, NOT_SELECTED, EXCLUDED = "selected", "not selected", "excluded"
SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("status", pa.string()),
        ("code", pa.string()),
        ("reason", pa.string()),
        ("duplicate_of", pa.string()),
        ("source", pa.string()),
        ("kind", pa.string()),
        ("group", pa.string()),
        ("cluster", pa.int64()),
        ("quality", pa.float64()),
        ("rank", pa.int64()),
        ("row", pa.int64()),
        ("place", pa.string()),
        ("content_hash", pa.string()),
    ]
)
"""Columns of a selection's table, one row a record, in dataset order; one column of numbers for each
indicator follows.

`status` is `selected`, `not selected` or `excluded`; `code` and `reason` say why a row is excluded,
`duplicate_of` which row stays in its place. `source` and `kind` are what rows are grouped by, null where a
record cannot be read; `group` is the group that the row was chosen in, null without groups. `rank` 1 is the
chosen row of highest quality, null for the others. `row` is the position in the dataset, `place` says where
that is. A number that is missing is null.
"""

NEWER_COLUMNS = frozenset({"source", "kind", "group"})
"""Columns that tables of an older finegold lack."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The usable rows of a run, sorted by id, and the rows that are not usable.

    Attributes:
        samples: Columns of the run's samples table, every row, in dataset order.
        ids: The n sample ids, sorted.
        rows: Shape (n,), position of each in the dataset.
        indicators: Values by name, shape (n,); NaN where the indicator does not apply.
        labels: Shape (n,), cluster of each row; None without clusters.
        embeddings: Shape (n, d), raw, NaN where a row has no image; None without any.
        excluded: Rows that cannot be chosen, by their position in the dataset.
    """

    samples: pa.Table
    ids: TextColumn
    rows: Ints
    indicators: dict[str, Floats]
    labels: Ints | None
    embeddings: Vectors | None
    excluded: tuple[ExcludedRows, ...]

    @property
    def groups(self) -> TextColumn:
        """Name of the group of each row, if there are groups."""
        return TextColumn(self.samples["group"]).take(self.rows)

    def without(self, excluded: ExcludedRows, indicators: Collection[str]) -> "Candidates":
        """The candidates without some, which are named by their position here, and with these indicators."""
        named = {name: values for name, values in self.indicators.items() if name in indicators}
        if not len(excluded):
            return replace(self, indicators=named)
        stays = np.ones(len(self.ids), np.bool_)
        stays[excluded.rows] = False
        kept = np.flatnonzero(stays)
        return replace(
            self,
            ids=self.ids.take(kept),
            rows=self.rows[kept],
            indicators={name: values[kept] for name, values in named.items()},
            labels=None if self.labels is None else self.labels[kept],
            embeddings=None if self.embeddings is None else self.embeddings[kept],
        )


def gather(
    samples: PartTable,
    scores: Mapping[str, PartTable],
    clusters: ClusterTable | None = None,
    embeddings: PartTable | None = None,
    groups: Sequence[str] | None = None,
    filters: Mapping[str, PartTable] | None = None,
) -> Candidates:
    """Join the tables of a run by sample id.

    A row on which one of the indicators failed is excluded with the indicator's reason: a failure never
    becomes a number. A row whose image could not be embedded is excluded as well.

    Args:
        samples: Finished table of the ingest step.
        scores: Finished table of each indicator.
        clusters: Labels of the embedded rows.
        embeddings: Finished table of the embedding step.
        groups: Name of the group of every row of the dataset; None without groups.
        filters: Finished tables of indicators that only a condition reads; where one failed, the row has no
            value and is not excluded.
    """
    columns = ["row", "sample_id", "place", "status", "code", "reason", "content_hash", "n_images"]
    columns += ["source", "kind"]
    table = samples.read(columns)
    column = pa.nulls(len(table), pa.string()) if groups is None else TextColumn(groups).array
    table = table.append_column("group", pa.chunked_array([column]).cast(pa.string()))
    is_good = pc.equal(table["status"], "ok").to_numpy()
    good, bad = np.flatnonzero(is_good), np.flatnonzero(~is_good)
    known = TextColumn(table["sample_id"].filter(pa.array(is_good)))
    why = table.select(["code", "reason"]).filter(pa.array(~is_good))
    excluded = [ExcludedRows.of(bad, why["code"], why["reason"])]
    if embeddings is not None:
        read = embeddings.read(["sample_id", "reason"])
        failed = read.filter(pc.is_valid(read["reason"]))
        rows = good[known.find(TextColumn(failed["sample_id"]))]
        shown = table["n_images"].fill_null(0).to_numpy()[rows] > 0
        reasons = failed["reason"].filter(pa.array(shown))
        excluded.append(ExcludedRows.of(rows[shown], "embedding-failed", reasons))
    values: dict[str, Floats] = {}
    for name, scored in {**scores, **(filters or {})}.items():
        read = scored.read(["sample_id", "value", "status", "reason"])
        place = known.find(TextColumn(read["sample_id"]))
        there = place >= 0
        values[name] = np.full(len(known), np.nan)
        values[name][place[there]] = read["value"].to_numpy()[there]
        if name in scores:
            mask = pc.equal(read["status"], "failed").fill_null(False).to_numpy() & there
            reasons = read["reason"].filter(pa.array(mask))
            reasons = pc.if_else(
                pc.equal(pc.fill_null(reasons, ""), ""), f"the scorer {name} failed", reasons
            )
            excluded.append(ExcludedRows.of(good[place[mask]], f"{name}-failed", reasons))
    stays = is_good
    for one in excluded:
        stays[one.rows] = False
    chosen = np.flatnonzero(stays[good])
    ids = known.take(chosen) if len(chosen) < len(known) else known
    order = ids.order()
    ids, kept = ids.take(order), chosen[order]
    del known
    pa.default_memory_pool().release_unused()
    return Candidates(
        samples=table,
        ids=ids,
        rows=good[kept],
        indicators={name: column[kept] for name, column in values.items()},
        labels=None if clusters is None else clusters.of(ids),
        embeddings=None if embeddings is None else _aligned(embeddings, ids),
        excluded=tuple(excluded),
    )


def _aligned(table: PartTable, ids: TextColumn) -> Vectors:
    names, vectors = read_embeddings(table, by_id=True)
    return vectors if names == ids else vectors[names.find(ids)]


def selection_table(
    everything: Candidates, candidates: Candidates, selected: SelectedRows, excluded: Sequence[ExcludedRows]
) -> pa.Table:
    """Every row of the pool with what was decided on it; columns as in `SCHEMA`, then the indicators.

    Args:
        everything: The usable rows.
        candidates: Those of them that were chosen from.
        selected: What was chosen of these.
        excluded: Usable rows that are not among the candidates, by their position in the dataset.

    Raises:
        ConfigError: If an indicator has the name of another column.
    """
    clash = sorted(set(everything.indicators) & set(SCHEMA.names))
    if clash:
        raise ConfigError(
            f"the indicator '{clash[0]}' has the name of a column of the selection's table: rename the scorer"
        )
    samples = everything.samples
    n = len(samples)
    # Rows of the samples table are in dataset order from 0 on, so a row's position is its index here.
    quality, rank = np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    pool = candidates.rows[selected.rows]
    rank[pool] = selected.rank
    if selected.quality is not None:
        quality[pool] = selected.quality
    status = (rank > 0).astype(np.int8)
    later = [one.at(candidates.rows) for one in selected.excluded_rows]
    out, why = exclusion_columns([*everything.excluded, *excluded, *later], n)
    status[out] = 2
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "sample_id": samples["sample_id"],
        "status": pa.array([NOT_SELECTED, SELECTED, EXCLUDED]).take(pa.array(status)),
        **why,
        "source": samples["source"],
        "kind": samples["kind"],
        "group": samples["group"],
        "cluster": _spread(everything.labels, everything.rows, n, pa.int64()),
        "quality": pa.array(quality, pa.float64(), mask=np.isnan(quality)),
        "rank": pa.array(rank, pa.int64(), mask=rank == 0),
        "row": samples["row"],
        "place": samples["place"],
        "content_hash": samples["content_hash"],
    }
    for name, values in everything.indicators.items():
        columns[name] = _spread(values, everything.rows, n, pa.float64())
    return pa.table(columns)


def as_selection_table(table: pa.Table, indicators: Collection[str]) -> pa.Table:
    """A table that was read from a file, with the columns of `SCHEMA`; those that older ones lack are null.

    Args:
        table: The table.
        indicators: Names of the columns of numbers that must be there too.

    Raises:
        ValueError: If it is no table of a selection.
        pyarrow.ArrowException: If a column has another type.
    """
    for column in [*SCHEMA, *(pa.field(name, pa.float64()) for name in indicators)]:
        if column.name in NEWER_COLUMNS and column.name not in table.column_names:
            table = table.append_column(column, pa.nulls(len(table), column.type))
        place = table.schema.get_field_index(column.name)
        if place < 0:
            raise ValueError(f"it has no column '{column.name}', or several")
        if table.schema.field(place).type != column.type:
            table = table.set_column(place, column.name, table.column(place).cast(column.type))
    for name in ("sample_id", "status", "row"):
        if table[name].null_count:
            raise ValueError(f"'{name}' is missing in a row")
    if not np.array_equal(table["row"].to_numpy(), np.arange(len(table))):
        raise ValueError("'row' does not count from 0")
    statuses = set(table["status"].unique().to_pylist())
    if other := sorted(statuses - {SELECTED, NOT_SELECTED, EXCLUDED}):
        raise ValueError(f"a row has the status '{other[0]}'")
    ranks = table.filter(pc.equal(table["status"], SELECTED))["rank"].to_numpy()
    if not np.array_equal(np.sort(ranks), np.arange(1, len(ranks) + 1)):
        raise ValueError("'rank' of the selected rows does not count from 1")
    if table["rank"].null_count != len(table) - len(ranks):
        raise ValueError("a row that was not selected has a 'rank'")
    lowest = pc.min(table["cluster"]).as_py()
    if lowest is not None and lowest < 0:
        raise ValueError("a cluster has a negative number")
    return table


def _spread(values: Ints | Floats | None, rows: Ints, n: int, kind: pa.DataType) -> pa.Array:
    """Values of the candidates as a column over all rows, null elsewhere and where NaN."""
    column = np.zeros(n, dtype=np.float64)
    known = np.zeros(n, dtype=np.bool_)
    if values is not None:
        known[rows] = np.isfinite(values)
        column[rows] = np.where(np.isfinite(values), values, 0)
    return pa.array(column.astype(kind.to_pandas_dtype()), kind, mask=~known)
