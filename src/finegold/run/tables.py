"""Tables that grow part by part, so that a killed run goes on at its last whole part.

A table's folder holds

    step.json           what the numbers depend on
    part-000000.parquet the first dataset rows: one or several whole blocks of 256
    blocks-*.journal    finished blocks of a part that is in work: see `journal.py`
    parts.sha256        the hash of each part, noted before the part gets its name: `sha256sum -c` reads it
    done.json           once the table is whole: the number of parts, and the hash of each file

A part is checked against these hashes each time that it is read. Parts are synced to the disk some at a
time: what a power cut took is found by its hash, and made again.
"""

import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from finegold.errors import RunError
from finegold.extras import to_frame
from finegold.run.atomic import atomic_path, sync_file, write_text
from finegold.run.buffers import arrow_file, file_buffer
from finegold.run.cards import card
from finegold.run.fingerprint import file_sha256
from finegold.run.lines import LineFile
from finegold.run.mirror import Mirror
from finegold.run.seal import FILES, DamagedError, own_file_stamp, read_sealed, write_sealed
from finegold.run.shards import WHOLE, Shard
from finegold.run.working_copies import mirror_of

BLOCK_ROWS = 256
"""Dataset rows of a block, the unit of work: block k holds what came of rows [256 k, 256 (k + 1)). A part,
the unit of storage, holds one or several whole blocks, so that numbers do not depend on the size of parts."""
COMMIT_SECONDS = 2.0
"""Time after which parts that were written are synced to the disk, all at once."""
_VERIFIED: set[tuple[str, int, int, int]] = set()
"""Files whose hash was right when this process read them."""
_MOST_VERIFIED = 100_000
STEP, DONE, HASHES = "step.json", "done.json", "parts.sha256"


def write_parquet(table: pa.Table, path: Path) -> str:
    """Write a Parquet file with a checksum in each page; returns the sha256 of the file."""
    # Through a file of Python's own, since the name need not be UTF-8.
    with path.open("wb") as file:
        pq.write_table(table, file, write_page_checksum=True)
    return file_sha256(path)


def read_parquet(path: Path, hashes: Collection[str], columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file that finegold wrote.

    Args:
        path: The file.
        hashes: The sha256 that it may have; none for a file of an earlier finegold.
        columns: Names of the columns; None for all.

    Raises:
        RunError: If it has another hash.
        OSError: If it cannot be read.
        pyarrow.ArrowException: If it is no Parquet file.
    """
    wanted = columns and list(columns)
    stamp = own_file_stamp(path)
    if stamp in _VERIFIED or not hashes:
        # The file is as it was when its hash was found right: of the columns that are read now the checksums
        # of the pages are enough, and the others need not be read.
        with arrow_file(path) as file:
            return pq.read_table(file, columns=wanted, page_checksum_verification=True)
    data = file_buffer(path)
    if hashlib.sha256(data).hexdigest() not in hashes:
        raise DamagedError(path, "its content does not fit its hash")
    if len(_VERIFIED) >= _MOST_VERIFIED:
        _VERIFIED.clear()
    _VERIFIED.add(stamp)
    return pq.read_table(pa.BufferReader(data), columns=wanted)


class PartTable:
    """A folder of `part-*.parquet` files with what they depend on and their hashes.

    Attributes:
        folder: Where the table lies, named after the step and its fingerprint.
        schema: Columns of every part.
        parameters: What the numbers depend on, as recorded in `step.json`.
        blocks: Blocks of `BLOCK_ROWS` dataset rows that a part covers.
        shard: Which parts are made here; their hashes are in a file of its own until all parts are there.
    """

    shard: Shard = WHOLE

    def __init__(
        self, folder: Path, schema: pa.Schema, parameters: Mapping[str, Any], blocks: int = 1
    ) -> None:
        """Open the table, or make an empty one."""
        self.folder = folder
        self.schema = schema
        self.parameters = dict(parameters)
        self.blocks = blocks
        self._unsynced: list[Path] = []
        self._synced = time.monotonic()

    @classmethod
    def open(cls, folder: Path, blocks: int = 1) -> Self:
        """Open a table that is there, to read it; its schema is left empty.

        Raises:
            RunError: If `step.json` is missing or damaged.
        """
        try:
            return cls(folder, pa.schema([]), read_sealed(folder / STEP), blocks)
        except OSError as error:
            raise DamagedError(folder / STEP, f"it cannot be read: {error.strerror}") from None

    @property
    def fingerprint(self) -> str:
        """Fingerprint of what the numbers depend on; the end of the folder's name."""
        return self.folder.name.rpartition("-")[2]

    def part_path(self, part: int) -> Path:
        """File of the part with number `part`."""
        return self.folder / f"part-{part:06d}.parquet"

    def journal_path(self, part: int) -> Path:
        """File of the finished blocks of a part that is in work."""
        return self.folder / f"blocks-{part:06d}.journal"

    def has(self, part: int) -> bool:
        """Whether the part is there, which means that it was written to its end."""
        return self._is_there(self.part_path(part))

    def conform(self, table: pa.Table | Mapping[str, Any]) -> pa.Table:
        """Columns in any order as a table of the schema, cast to it."""
        if not isinstance(table, pa.Table):
            return pa.table({name: table[name] for name in self.schema.names}, schema=self.schema)
        return table.select(self.schema.names).cast(self.schema)

    def write(self, part: int, table: pa.Table | Mapping[str, Any]) -> None:
        """Write one part atomically; columns in any order, cast to the schema.

        It is on the disk after `commit`, which is called here every `COMMIT_SECONDS`, and by `finish`.
        """
        self._reopen()
        if not (self.folder / STEP).exists():
            write_sealed(self.folder / STEP, self.parameters)
        path = self.part_path(part)
        with atomic_path(path, sync=False) as temporary:
            digest = write_parquet(self.conform(table), temporary)
            with LineFile(self._own_hashes) as file:
                file.write(f"{digest}  {path.name}\n".encode())
        self.hashes.setdefault(path.name, set()).add(digest)
        self._unsynced.append(path)
        if time.monotonic() - self._synced > COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Sync the parts that were written, and their hashes, to the disk."""
        for path in [*self._unsynced, self._own_hashes] if self._unsynced else []:
            if path.exists():
                sync_file(path)
        self._unsynced, self._synced = [], time.monotonic()

    def is_whole(self, part: int) -> bool:
        """Whether a part is there and fits its hash: after a power cut a part may be empty or half there."""
        path = self.part_path(part)
        known = self.hashes.get(path.name)
        if not path.exists():
            return self._is_there(path)  # what is fetched is compared then
        return not known or file_sha256(path) in known

    def finish(self, parts: int) -> None:
        """Declare the table whole.

        Raises:
            RunError: If one of the parts 0 .. parts - 1 is missing.
        """
        missing = [part for part in range(parts) if not self.has(part)]
        if missing:
            raise RunError(f"{self.folder} lacks part {missing[0]}: delete the folder and run the step again")
        self.commit()
        self.__dict__.pop("hashes", None)  # other shards may have written some
        if not (self.folder / STEP).exists():
            write_sealed(self.folder / STEP, self.parameters)
        for leftover in (*self.folder.glob(".*.tmp"), *self.folder.glob("blocks-*.journal")):
            leftover.unlink(missing_ok=True)
        names = [self.part_path(part).name for part in range(parts)]
        found = {name: self._hash(name) for name in names}
        write_text(self.folder / HASHES, "".join(f"{found[name]}  {name}\n" for name in names))
        for other in self.folder.glob(f"parts.*-of-*{Path(HASHES).suffix}"):
            other.unlink(missing_ok=True)
        others = sorted(path.name for path in self.folder.glob("*.json") if path.name not in (STEP, DONE))
        files = found | {name: file_sha256(self.folder / name) for name in others}
        write_sealed(self.folder / DONE, {"parts": parts, FILES: files})
        self.__dict__.pop("hashes", None)

    def drop(self, parts: Iterable[int]) -> None:
        """Delete parts, so that the step makes them again; the table is no longer whole."""
        self._reopen()
        for part in parts:
            path = self.part_path(part)
            path.unlink(missing_ok=True) if self._mirror is None else self._mirror.drop(path)
            self.journal_path(part).unlink(missing_ok=True)

    @property
    def done(self) -> bool:
        """Whether `finish` was called and nothing was deleted since.

        Raises:
            RunError: If `done.json` is damaged.
        """
        try:
            record = read_sealed(self.folder / DONE)
        except FileNotFoundError:
            return False
        files, parts = record.get(FILES), record.get("parts")
        if not isinstance(parts, int) or not isinstance(files, dict | None):
            raise DamagedError(self.folder / DONE, "it does not say how many parts there are")
        if files is None:  # of an earlier finegold
            return len(self.paths()) >= parts
        return files.keys() <= {path.name for path in (*self.folder.iterdir(), *self._away())}

    def paths(self) -> list[Path]:
        """Files of the parts that are there, in order."""
        return sorted({*self.folder.glob("part-*.parquet"), *self._away()})

    def part(self, part: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One part, checked against its hash.

        Raises:
            RunError: If it is damaged or missing.
        """
        return self._read(self.part_path(part), columns)

    def parts(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The parts that are there, in order, one in memory at a time, each checked against its hash.

        Raises:
            RunError: If a part is damaged.
        """
        for path in self.paths():
            yield self._read(path, columns)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The whole table in memory, in dataset order.

        Raises:
            RunError: If the table is not finished, or a part is damaged.
        """
        if not self.done:
            raise RunError(f"{self.folder} is not finished: run its step again, it goes on where it stopped")
        tables = list(self.parts(columns)) or [self.schema.empty_table()]
        return pa.concat_tables(tables).select(list(columns or tables[0].schema.names))

    def to_pandas(self) -> Any:
        """The whole table as a pandas frame; raises as `read`."""
        return to_frame(self.read())

    def __repr__(self) -> str:
        """The name of its folder."""
        return f"PartTable({self.folder.name!r})"

    def _repr_html_(self) -> str:
        rows = self.read()
        facts: dict[str, object] = {"rows": f"{len(rows):,}"}
        if "status" in rows.column_names:
            statuses = rows["status"].value_counts().to_pylist()
            facts |= {str(one["values"]): f"{one['counts']:,}" for one in statuses}
        cells = [[str(v) if isinstance(v, list) else v for v in r.values()] for r in rows[:6].to_pylist()]
        return card(self.folder.name, facts, rows.column_names, cells)

    @cached_property
    def hashes(self) -> dict[str, set[str]]:
        """The hashes that a file of the table may have, by name; a part of an earlier finegold has none.

        While a part is replaced there are two: a kill may leave the old one or the new one.
        """
        found: dict[str, set[str]] = {}
        for path in sorted(self.folder.glob(f"parts*{Path(HASHES).suffix}")):
            for line in path.read_bytes().decode("utf-8", "replace").splitlines():
                digest, _, name = line.partition("  ")
                found.setdefault(name, set()).add(digest)
        try:
            listed = read_sealed(self.folder / DONE).get(FILES) or {}
        except (OSError, RunError):
            listed = {}
        for name, digest in listed.items():
            found.setdefault(name, set()).add(digest)
        return found

    @property
    def _own_hashes(self) -> Path:
        return self.folder / f"parts{self.shard.ending}{Path(HASHES).suffix}"

    def _hash(self, name: str) -> str:
        known = self.hashes.get(name, set())
        if len(known) == 1:
            return next(iter(known))
        self._fetch(self.folder / name)
        return file_sha256(self.folder / name)

    @cached_property
    def _mirror(self) -> Mirror | None:
        """Where the table is in a store, if its folder is a working copy."""
        return mirror_of(self.folder)

    def _is_there(self, path: Path) -> bool:
        return path.exists() or (self._mirror is not None and self._mirror.holds(path))

    def _away(self) -> list[Path]:
        """Parts that are in a store and were not fetched."""
        return [] if self._mirror is None else self._mirror.listed(self.folder)

    def _fetch(self, path: Path) -> None:
        if self._mirror is not None:
            self._mirror.fetch(path, self.hashes.get(path.name, ()))

    def _reopen(self) -> None:
        """Take back that the table is whole; the hashes stay."""
        _ = self.hashes
        (self.folder / DONE).unlink(missing_ok=True)

    def _read(self, path: Path, columns: Sequence[str] | None) -> pa.Table:
        self._fetch(path)
        known = self.hashes.get(path.name, ())
        try:
            return read_parquet(path, known, columns)
        except DamagedError:
            self.__dict__.pop("hashes", None)
            if self.hashes.get(path.name, ()) == known:
                raise
            raise RunError(
                f"{self.folder} was made anew by another command while this one used it: run the same "
                "command again"
            ) from None
        except (pa.ArrowException, OSError, KeyError) as error:
            raise DamagedError(path, str(error)) from error
