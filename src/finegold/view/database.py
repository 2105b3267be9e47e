"""The rows of a run in a DuckDB database of a temporary folder: read once, hash by hash, with bounded memory.

The database holds

    rows              one line a row: what the samples table and the finished tables of scores say of it
    texts             one line a row: its questions and answers, and all of it in lower case, for the search
    scores, turns     one line a value, with the reason of one that is missing
    selection_<n>     one line a row: `rows` with what a selection decided
    quick.marks       one line a row that is vetoed or kept
    quick.search_<n>  the rows that a search found

Nothing of it is written to the run folder, and the temporary folder goes when the view ends.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from finegold.extras import require
from finegold.run import PartTable, progress
from finegold.selection.manifest import MANIFEST, Manifest, read_manifest, read_table
from finegold.view.columns import (
    SAMPLE_COLUMNS,
    SELECTION_COLUMNS,
    ViewColumn,
    attribute_column,
    indicator_columns,
    quoted,
)
from finegold.view.marks import MarkedRow
from finegold.workflow.export import named_tables
from finegold.workflow.rows import Rows

MEMORY = "1GB"
"""What DuckDB may hold in memory; it puts the rest into the temporary folder."""
PARTS_AT_ONCE = 64
"""Parts of a table that are in memory together."""
SEARCHES = 32
"""Searches whose results are kept."""
SAMPLES = (
    *("row", "sample_id", "place", "status", "code", "reason", "source", "kind", "turns", "n_images"),
    *("images", "width", "height", "answer_chars", "image_bytes"),
)
"""Columns of the samples table that `rows` has."""
NO_SELECTION = ""
"""Name of the view of a run without a selection."""


class RowDatabase:
    """The rows of one run.

    Attributes:
        rows: The run's checked rows.
        indicators: The column of each indicator, by its name.
    """

    def __init__(self, rows: Rows, folder: Path) -> None:
        """Read the run's tables into a database in `folder`.

        Raises:
            MissingExtraError: If DuckDB is not installed.
            RunError: If a table is damaged.
        """
        duckdb = require("duckdb", extra="view", why="`finegold view`")
        self.rows = rows
        self._lock = threading.RLock()
        self._selections: dict[str, tuple[int, Manifest | None]] = {}
        self._sequences: dict[str, str] = {}
        self._searches: dict[tuple[str, ...], str] = {}
        self._searched = 0
        self._columns: dict[str, list[ViewColumn]] = {}
        threads = min(4, os.cpu_count() or 1)
        options = {"memory_limit": MEMORY, "threads": threads, "temp_directory": str(folder / "spilled")}
        self._base = duckdb.connect(str(folder / "rows.duckdb"), config=options)
        # Without a log on the disk, which every search and every mark would wait for.
        self._base.execute("ATTACH ':memory:' AS quick")
        self._base.execute("CREATE TABLE quick.marks (row BIGINT, mark VARCHAR, note VARCHAR)")
        # What the page asks for is bound to parameters; these hold even if something were not.
        for option in ("autoinstall_known_extensions", "autoload_known_extensions"):
            self._base.execute(f"SET {option} = false")
        self._base.execute("SET python_enable_replacements = false")
        self._base.execute("SET enable_external_access = false")
        tables = named_tables(rows.folder.tables("scores", data=rows.sequence), "scorer")
        self.indicators = indicator_columns(tables)
        self._attributes = {
            str(one.parameters["field"]): one
            for one in rows.folder.tables("attributes", samples=rows.table.fingerprint)
        }
        turns = named_tables(rows.folder.tables("turns", data=rows.sequence), "scorer")
        parts = sum(len(table.paths()) for table in (rows.table, *tables.values(), *turns.values()))
        try:
            with progress("Reading tables", parts, "parts") as self._advance:
                self._base.execute("BEGIN")
                self._read_samples()
                self._read_scores(tables, turns)
                self._join(tables)
                self._base.execute("COMMIT")
        except duckdb.InterruptException:  # Ctrl-C while DuckDB computes
            raise KeyboardInterrupt from None

    def close(self) -> None:
        """Close the database."""
        self._base.close()

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query; each thread has a cursor of its own."""
        with self._base.cursor() as cursor:
            found: list[tuple[Any, ...]] = cursor.execute(sql, list(values)).fetchall()
            return found

    def arrow(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The rows of a query as a table."""
        with self._base.cursor() as cursor:
            found = cursor.sql(sql, params=list(values)).to_arrow_table()
            assert isinstance(found, pa.Table)
            return found

    def load(self, name: str, table: pa.Table) -> None:
        """Put a table into the database in place of one of the same name."""
        with self._lock, self._base.cursor() as cursor:
            cursor.register("loaded", table)
            cursor.execute(f"CREATE OR REPLACE TABLE {quoted(name)} AS SELECT * FROM loaded")
            cursor.unregister("loaded")

    def set_marks(self, marks: Mapping[str, MarkedRow]) -> None:
        """Let the table `marks` hold these marks, by sample id."""
        given = pa.table(
            {
                "sample_id": pa.array(list(marks), pa.string()),
                "mark": pa.array([one.mark for one in marks.values()], pa.string()),
                "note": pa.array([one.note for one in marks.values()], pa.string()),
            }
        )
        with self._lock, self._base.cursor() as cursor:
            cursor.register("given", given)
            cursor.execute("BEGIN")
            cursor.execute("DELETE FROM quick.marks")
            cursor.execute(
                "INSERT INTO quick.marks SELECT r.row, g.mark, g.note FROM given g "
                "JOIN rows r ON r.usable AND r.sample_id = g.sample_id"
            )
            cursor.execute("COMMIT")
            cursor.unregister("given")

    def matches(self, words: tuple[str, ...]) -> str:
        """Name of a table with the positions of the rows whose id and texts hold all the words.

        The last `SEARCHES` are kept, since the rows, their number and each histogram ask for the same.
        """
        with self._lock:
            if words not in self._searches:
                self._searched += 1
                name = f"quick.search_{self._searched}"
                said = " AND ".join("contains(said, lower(?))" for _ in words)
                self.query(f"CREATE TABLE {name} AS SELECT row FROM texts WHERE {said}", words)
                self._searches[words] = name
                if len(self._searches) > SEARCHES:
                    self.query(f"DROP TABLE {self._searches.pop(next(iter(self._searches)))}")
            return self._searches[words]

    def ids_of(self, rows: Sequence[int]) -> list[str]:
        """Ids of some rows, of those that can be chosen."""
        found = self.query(
            "SELECT sample_id FROM rows WHERE usable AND row IN (SELECT unnest(?::BIGINT[])) ORDER BY row",
            [list(rows)],
        )
        return [str(key) for (key,) in found]

    def selection_names(self) -> list[str]:
        """Names of the selections that the run folder keeps of these rows, sorted."""
        found = []
        for path in sorted((self.rows.folder.path / "selections").glob(f"*/{MANIFEST}")):
            name = path.parent.name
            if name not in self._sequences:  # every request asks, and a manifest lists all chosen rows
                self._sequences[name] = read_manifest(path).dataset.sequence
            if self._sequences[name] == self.rows.sequence:
                found.append(name)
        return found

    def manifest(self, name: str) -> Manifest | None:
        """The manifest of a selection; None for `NO_SELECTION`.

        Raises:
            KeyError: If there is none of this name.
        """
        return self._selection(name)[1]

    def view(self, name: str) -> str:
        """Name of the table with the rows of a selection, in quotes; the table is made at the first time.

        Raises:
            KeyError: If there is none of this name.
        """
        return quoted(f"selection_{self._selection(name)[0]}")

    def columns(self, name: str) -> list[ViewColumn]:
        """The columns of a selection's rows that hold a value, in the order of the page."""
        with self._lock:
            if name not in self._columns:
                self._columns[name] = self._filled_columns(name)
            return self._columns[name]

    def _filled_columns(self, name: str) -> list[ViewColumn]:
        known = [
            *SELECTION_COLUMNS[:-1],
            *self.indicators.values(),
            *map(attribute_column, self._attributes),
            SELECTION_COLUMNS[-1],
            *SAMPLE_COLUMNS,
        ]
        counts = ", ".join(f"count({quoted(column.name)})" for column in known if column.name != "mark")
        [found] = self.query(f"SELECT {counts} FROM {self.view(name)}")
        filled = iter(found)
        return [column for column in known if column.name == "mark" or next(filled)]

    def _selection(self, name: str) -> tuple[int, Manifest | None]:
        with self._lock:
            if name not in self._selections:
                number = len(self._selections)
                self._selections[name] = (number, self._read_selection(name, number))
            return self._selections[name]

    def _read_selection(self, name: str, number: int) -> Manifest | None:
        if name == NO_SELECTION:
            self._base.execute(f"CREATE TABLE selection_{number} AS SELECT * FROM rows")
            return None
        if name not in self.selection_names():  # a name of the folder, never a path
            raise KeyError(name)
        path = self.rows.folder.path / "selections" / name / MANIFEST
        wanted = ["row", "status", "code", "reason", "duplicate_of", "group", "cluster", "quality", "rank"]
        self.load("decided", read_table(path).select(wanted))
        decided = ", ".join(f"d.{quoted(one)} AS {quoted(one)}" for one in wanted[1:])
        self._base.execute(
            f"CREATE TABLE selection_{number} AS SELECT r.* REPLACE ({decided}) "
            "FROM rows r JOIN decided d USING (row) ORDER BY row"
        )
        self._base.execute("DROP TABLE decided")
        return read_manifest(path)

    def _read_samples(self) -> None:
        self._fill("samples", self.rows.table, [*SAMPLES, "instruction", "answer"])
        self._base.execute(
            "CREATE TABLE texts AS SELECT row, instruction AS questions, answer AS answers, lower("
            "concat_ws(chr(10), sample_id, array_to_string(instruction, chr(10)), "
            "array_to_string(answer, chr(10)))) AS said FROM samples ORDER BY row"
        )

    def _read_scores(self, tables: Mapping[str, PartTable], turns: Mapping[str, PartTable]) -> None:
        self._base.execute(
            "CREATE TABLE scores (indicator VARCHAR, sample_id VARCHAR, value DOUBLE, reason VARCHAR);"
            "CREATE TABLE turns (indicator VARCHAR, sample_id VARCHAR, turn INTEGER, value DOUBLE, "
            "reason VARCHAR, sentences DOUBLE[])"
        )
        for kind, found in (("scores", tables), ("turns", turns)):
            columns = ["sample_id", "turn", "value", "reason", "sentences"]
            columns = columns if kind == "turns" else ["sample_id", "value", "reason"]
            for name, table in found.items():
                for batch in self._batches(table, columns):
                    self._base.register("batch", batch)
                    self._base.execute(f"INSERT INTO {kind} SELECT ?, * FROM batch", [name])
                    self._base.unregister("batch")

    def _join(self, tables: Mapping[str, PartTable]) -> None:
        """Make the table `rows`, of which every selection is a copy with what it decided."""
        clusters = self.rows.folder.tables("clusters", data=self.rows.sequence)
        cluster = "NULL::BIGINT"
        joins, values = [], []
        if len(clusters) == 1:
            self._fill("clusters", clusters[0], ["sample_id", "cluster"])
            cluster = "c.cluster"
            joins.append("LEFT JOIN clusters c ON s.status = 'ok' AND c.sample_id = s.sample_id")
        found = ""
        for number, name in enumerate(tables):
            joins.append(
                f"LEFT JOIN scores t{number} ON s.status = 'ok' AND t{number}.sample_id = s.sample_id "
                f"AND t{number}.indicator = ?"
            )
            values.append(name)
            found += f", t{number}.value AS {quoted(self.indicators[name].name)}"
        for number, (name, table) in enumerate(self._attributes.items()):
            self._fill(f"attribute_{number}", table, ["row", "value"])
            joins.append(f"LEFT JOIN attribute_{number} a{number} ON a{number}.row = s.row")
            found += f", a{number}.value::VARCHAR AS {quoted(attribute_column(name).name)}"
        kept = ", ".join(f"s.{quoted(name)}" for name in SAMPLES if name != "status")
        self._base.execute(
            f"CREATE TABLE rows AS SELECT {kept}, CASE s.status WHEN 'ok' THEN 'usable' ELSE s.status END "
            f'AS status, NULL::VARCHAR AS duplicate_of, NULL::VARCHAR AS "group", {cluster} AS cluster, '
            "NULL::DOUBLE AS quality, NULL::BIGINT AS rank, s.status = 'ok' AS usable, "
            "left(s.instruction[1], 400) AS question, left(s.answer[1], 600) AS answer"
            f"{found} FROM samples s {' '.join(joins)} ORDER BY s.row",
            values,
        )
        self._base.execute("DROP TABLE samples")

    def _fill(self, name: str, table: PartTable, columns: Sequence[str]) -> None:
        for at, batch in enumerate(self._batches(table, columns)):
            self._base.register("batch", batch)
            begin = f"INSERT INTO {name}" if at else f"CREATE TABLE {name} AS"
            self._base.execute(f"{begin} SELECT * FROM batch")
            self._base.unregister("batch")

    def _batches(self, table: PartTable, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The parts of a finished table, some at a time; at least one, which may be empty."""
        late = "sentences" in columns
        parts = table.parts(None if late else columns)
        while some := list(islice(parts, PARTS_AT_ONCE)):
            yield pa.concat_tables(map(_with_sentences, some) if late else some).select(list(columns))
            self._advance(len(some))


def _with_sentences(part: pa.Table) -> pa.Table:
    """A part of a table of turns; those of earlier versions say nothing of sentences."""
    name, kind = "sentences", pa.list_(pa.float64())
    return part if name in part.column_names else part.append_column(name, pa.nulls(len(part), kind))
