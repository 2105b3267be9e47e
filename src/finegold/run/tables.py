"""Tables that grow part by part, so that a killed run goes on at its last whole part."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from finegold.errors import RunError
from finegold.run.atomic import atomic_path, write_json

PART_ROWS = 256
"""Dataset rows a part covers: part k holds what came of rows [256 k, 256 (k + 1))."""


class PartTable:
    """A folder of `part-*.parquet` files with `step.json` (what it depends on) and, once whole, `done.json`.

    Attributes:
        folder: Where the table lies, named after the step and its fingerprint.
        schema: Columns of every part.
        parameters: What the numbers depend on, as recorded in `step.json`.
    """

    def __init__(self, folder: Path, schema: pa.Schema, parameters: Mapping[str, Any]) -> None:
        """Open the table, or make an empty one."""
        self.folder = folder
        self.schema = schema
        self.parameters = dict(parameters)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a table that is there, to read it; its schema is left empty.

        Raises:
            RunError: If `step.json` is missing or damaged.
        """
        try:
            parameters = json.loads((folder / "step.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(
                f"{folder / 'step.json'} cannot be read ({error}): delete the folder and run its step again"
            ) from None
        return cls(folder, pa.schema([]), parameters)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of what the numbers depend on; the end of the folder's name."""
        return self.folder.name.rpartition("-")[2]

    def part_path(self, part: int) -> Path:
        """File of the part with number `part`."""
        return self.folder / f"part-{part:06d}.parquet"

    def has(self, part: int) -> bool:
        """Whether the part is there, which means whole."""
        return self.part_path(part).exists()

    def write(self, part: int, table: pa.Table | Mapping[str, Any]) -> None:
        """Write one part atomically; columns in any order, cast to the schema."""
        if not (self.folder / "step.json").exists():
            write_json(self.folder / "step.json", self.parameters)
        if not isinstance(table, pa.Table):
            table = pa.table({name: table[name] for name in self.schema.names}, schema=self.schema)
        with atomic_path(self.part_path(part)) as temporary:
            pq.write_table(table.select(self.schema.names).cast(self.schema), temporary)

    def finish(self, parts: int) -> None:
        """Declare the table whole.

        Raises:
            RunError: If one of the parts 0 .. parts - 1 is missing.
        """
        missing = [part for part in range(parts) if not self.has(part)]
        if missing:
            raise RunError(f"{self.folder} lacks part {missing[0]}: delete the folder and run the step again")
        if not (self.folder / "step.json").exists():
            write_json(self.folder / "step.json", self.parameters)
        for leftover in self.folder.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        write_json(self.folder / "done.json", {"parts": parts})

    def drop(self, parts: Iterable[int]) -> None:
        """Delete parts, so that the step makes them again; the table is no longer whole."""
        (self.folder / "done.json").unlink(missing_ok=True)
        for part in parts:
            self.part_path(part).unlink(missing_ok=True)

    @property
    def done(self) -> bool:
        """Whether `finish` was called and no part was deleted since."""
        try:
            parts: int = json.loads((self.folder / "done.json").read_text(encoding="utf-8"))["parts"]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return len(self.paths()) >= parts

    def paths(self) -> list[Path]:
        """Files of the parts that are there, in order."""
        return sorted(self.folder.glob("part-*.parquet"))

    def parts(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The parts that are there, in order, one in memory at a time."""
        for path in self.paths():
            try:
                yield pq.read_table(path, columns=columns and list(columns))
            except (pa.ArrowInvalid, OSError) as error:
                raise RunError(f"{path} is damaged ({error}): delete it and run the step again") from error

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The whole table in memory, in dataset order.

        Raises:
            RunError: If the table is not finished.
        """
        if not self.done:
            raise RunError(f"{self.folder} is not finished: run its step again, it goes on where it stopped")
        tables = list(self.parts(columns)) or [self.schema.empty_table()]
        return pa.concat_tables(tables).select(list(columns or tables[0].schema.names))
