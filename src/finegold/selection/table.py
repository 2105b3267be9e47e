"""The table of a selection: every row of the pool, chosen or not or excluded, with all that decided it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering.table import ClusterTable, read_embeddings
from finegold.errors import ConfigError
from finegold.run import PartTable
from finegold.samples import Exclusion
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
        samples: The run's samples table, every row, in dataset order.
        ids: The n sample ids, sorted.
        rows: Shape (n,), position of each in the dataset.
        indicators: Values by name, shape (n,); NaN where the indicator does not apply.
        labels: Shape (n,), cluster of each row; None without clusters.
        embeddings: Shape (n, d), raw, NaN where a row has no image; None without any.
        excluded: Why a row cannot be chosen, by its position in the dataset.
    """

    samples: pa.Table
    ids: tuple[str, ...]
    rows: Ints
    indicators: dict[str, Floats]
    labels: Ints | None
    embeddings: Vectors | None
    excluded: dict[int, Exclusion]

    @property
    def groups(self) -> list[str]:
        """Name of the group of each row; all None without groups."""
        found: list[str] = self.samples["group"].take(self.rows).to_pylist()
        return found

    def without(self, ids: Collection[str], indicators: Collection[str]) -> "Candidates":
        """The candidates without some ids, and with these indicators only."""
        kept = np.array([i for i, key in enumerate(self.ids) if key not in ids], dtype=np.int64)
        return replace(
            self,
            ids=tuple(self.ids[i] for i in kept),
            rows=self.rows[kept],
            indicators={name: self.indicators[name][kept] for name in self.indicators if name in indicators},
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
    column = pa.nulls(len(table), pa.string()) if groups is None else pa.array(groups, pa.string())
    table = table.append_column("group", column)
    bad = table.filter(pc.not_equal(table["status"], "ok")).select(["row", "code", "reason"]).to_pylist()
    excluded = {entry["row"]: Exclusion(entry["code"], entry["reason"]) for entry in bad}
    good = table.filter(pc.equal(table["status"], "ok"))
    row_of = dict(zip(good["sample_id"].to_pylist(), good["row"].to_pylist(), strict=True))
    if embeddings is not None:
        with_image = set(good.filter(pc.greater(good["n_images"], 0))["sample_id"].to_pylist())
        read = embeddings.read(["sample_id", "reason"]).to_pydict()
        for key, reason in zip(read["sample_id"], read["reason"], strict=True):
            if reason is not None and key in with_image:
                excluded[row_of[key]] = Exclusion("embedding-failed", reason)
    values: dict[str, dict[str, float | None]] = {}
    for name, scored in {**scores, **(filters or {})}.items():
        read = scored.read().to_pydict()
        values[name] = dict(zip(read["sample_id"], read["value"], strict=True))
        if name not in scores:
            continue
        for key, status, reason in zip(read["sample_id"], read["status"], read["reason"], strict=True):
            if status == "failed" and key in row_of:
                failure = Exclusion(f"{name}-failed", reason or f"the scorer {name} failed")
                excluded.setdefault(row_of[key], failure)
    ids = tuple(sorted(key for key, row in row_of.items() if row not in excluded))
    return Candidates(
        samples=table,
        ids=ids,
        rows=np.array([row_of[key] for key in ids], dtype=np.int64),
        indicators={
            name: np.array([column.get(key) for key in ids], dtype=np.float64)
            for name, column in values.items()
        },
        labels=None if clusters is None else np.array([clusters.labels[key] for key in ids], dtype=np.int64),
        embeddings=None if embeddings is None else _aligned(embeddings, ids),
        excluded=excluded,
    )


def _aligned(table: PartTable, ids: tuple[str, ...]) -> Vectors:
    names, vectors = read_embeddings(table)
    position = {name: index for index, name in enumerate(names)}
    return vectors[[position[key] for key in ids]]


def selection_table(candidates: Candidates, selected: SelectedRows) -> pa.Table:
    """Every row of the pool with what was decided on it; columns as in `SCHEMA`, then the indicators.

    Raises:
        ConfigError: If an indicator has the name of another column.
    """
    clash = sorted(set(candidates.indicators) & set(SCHEMA.names))
    if clash:
        raise ConfigError(
            f"the indicator '{clash[0]}' has the name of a column of the selection's table: rename the scorer"
        )
    samples = candidates.samples
    n = len(samples)
    # Rows of the samples table are in dataset order from 0 on, so a row's position is its index here.
    status = np.full(n, NOT_SELECTED, dtype=object)
    quality, rank = np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    at = {key: index for index, key in enumerate(candidates.ids)}
    pool = candidates.rows[np.array([at[key] for key in selected.pool_ids], dtype=np.int64)]
    rank[pool] = selected.rank
    if selected.quality is not None:
        quality[pool] = selected.quality
    status[rank > 0] = SELECTED
    excluded = dict(candidates.excluded)
    excluded |= {int(candidates.rows[at[key]]): found for key, found in selected.excluded.items()}
    code, reason, duplicate_of = (np.full(n, None, dtype=object) for _ in range(3))
    for row, found in excluded.items():
        status[row] = EXCLUDED
        code[row], reason[row], duplicate_of[row] = found.code, found.reason, found.duplicate_of
    columns: dict[str, pa.Array] = {
        "sample_id": samples["sample_id"],
        "status": pa.array(status, pa.string()),
        "code": pa.array(code, pa.string()),
        "reason": pa.array(reason, pa.string()),
        "duplicate_of": pa.array(duplicate_of, pa.string()),
        "source": samples["source"],
        "kind": samples["kind"],
        "group": samples["group"],
        "cluster": _spread(candidates.labels, candidates.rows, n, pa.int64()),
        "quality": pa.array(quality, pa.float64(), mask=np.isnan(quality)),
        "rank": pa.array(rank, pa.int64(), mask=rank == 0),
        "row": samples["row"],
        "place": samples["place"],
        "content_hash": samples["content_hash"],
    }
    for name, values in candidates.indicators.items():
        columns[name] = _spread(values, candidates.rows, n, pa.float64())
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
