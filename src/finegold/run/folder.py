"""The run folder: everything that was computed for one dataset, each table named after what it depends on.

RUN/
  manifest.json                              the data and the options it was opened with, the size of parts
  rows/                                      the rows, if they came from memory and not from files
  samples/ingest-<fingerprint>/              one row a record: usable or excluded, with the reason
  embeddings/<encoder>-<fingerprint>/        one vector a usable sample
  texts/<space>-<encoder>-<fingerprint>/     one vector a usable sample, of its texts
  attributes/<field>-<fingerprint>/          a field of the records, one value a record
  scores/<scorer>-<fingerprint>/             sample_id, value, status, reason
  turns/<scorer>-<fingerprint>/              sample_id, turn, value, reason
  features/                                  image features of a model that scores; may be deleted
  losses/<fingerprint>/                      losses of answers by a model that scores; may be deleted
  clusters/<method>-<fingerprint>/           sample_id, cluster
  graphs/<metric>-<fingerprint>/             neighbours of a sample
  hashes/images-<fingerprint>/               hashes of the images
  targets/<name>-<fingerprint>/              a run folder of target examples
  benchmarks/<fingerprint>/                  a run folder of a benchmark's images
  selectors/                                 checkpoints, measured subsets and ids that a selection used
  layout/tsne-<fingerprint>/                 places of the images on the report's map
  selections/<preset>-<size>-<fingerprint>/  a selection: selection.json and selection.parquet
  comparisons/<fingerprint>.json             presets that were compared
  marks.jsonl                                rows that were vetoed or kept in `finegold view`
  events.jsonl                               what happened when
"""

import json
import logging
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from finegold.errors import RunError
from finegold.run.fingerprint import canonical_json, fingerprint
from finegold.run.lines import LineFile
from finegold.run.seal import read_sealed, write_sealed
from finegold.run.tables import BLOCK_ROWS, PartTable
from finegold.run.working_copies import mirror_of, working_copy, writing_to
from finegold.version import __version__

LAYOUTS = (1, 2)
"""Versions of the folder layout, in manifest.json: in 1 a part has 256 rows, in 2 it has `part_rows`."""
SMALL = 100_000
"""Rows up to which a run has parts of one block: 391 files a table."""
LEAST_PART, MOST_PART = 4_096, 65_536
"""Rows of a part in a run of more rows."""
PART_BYTES = 64 << 20
"""Bytes of data that the rows of a part have at most, unless `LEAST_PART` rows have more."""
MOST_PARTS = 256
"""Parts of a table up to which they stay as small as they may be."""
MANIFEST, EVENTS = "manifest.json", "events.jsonl"
LOGGER = logging.getLogger("finegold.run")
ROWS = "rows"
"""Where rows that came from memory are kept: before there is a manifest, which names the file."""


class RunFolder:
    """A run folder, opened.

    Attributes:
        path: The folder.
        manifest: Content of manifest.json: `layout`, `finegold`, `created`, `data` (how it is opened), and
            `part_rows` if a part has more than 256 rows.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        """Use `RunFolder.create` or `RunFolder.open`."""
        self.path = path
        self.manifest = manifest

    @classmethod
    def create(cls, path: str | Path, data: Mapping[str, Any]) -> "RunFolder":
        """Open the folder for this dataset, making it if it is not there.

        Args:
            path: The folder, or its address in a store.
            data: How the dataset is opened: `path`, `images`, `format` and so on, JSON-able.

        Raises:
            RunError: If it holds a run of other data, or something else than a run.
        """
        path = working_copy(path).resolve()
        if (path / MANIFEST).exists():
            run = cls._opened(path)
            if canonical_json(run.manifest["data"]) != canonical_json(dict(data)) and not run._rebind(data):
                old = {key: value for key, value in run.manifest["data"].items() if value is not None}
                raise RunError(
                    f"the run folder {path} belongs to other data or options ({canonical_json(old)}): "
                    "give --run another folder, or delete this one"
                )
            return run
        if path.exists() and not (path.is_dir() and may_become_run(path)):
            raise RunError(f"{path} is not empty and not a run folder: give --run a new folder")
        path.mkdir(parents=True, exist_ok=True)
        manifest = {"layout": LAYOUTS[0], "finegold": __version__, "created": _now(), "data": dict(data)}
        write_sealed(path / MANIFEST, manifest)
        return cls(path, manifest)

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Open an existing run folder.

        Raises:
            RunError: If there is none, or a newer finegold wrote it.
        """
        return cls._opened(working_copy(path).resolve())

    @classmethod
    def _opened(cls, path: Path) -> "RunFolder":
        try:
            manifest = read_sealed(path / MANIFEST)
        except (FileNotFoundError, NotADirectoryError):
            beside = path.with_name(f"{path.name}.run")
            meant = f" (did you mean '{beside}'?)" if (beside / MANIFEST).is_file() else ""
            why = "it has no manifest.json" if path.exists() else "it does not exist"
            raise RunError(f"{path} is not a run folder{meant}: {why}; `finegold pick` makes one") from None
        layout = manifest.get("layout")
        if layout not in LAYOUTS:
            raise RunError(
                f"{path} has layout {layout}, this finegold ({__version__}) reads layouts 1 and 2: "
                "use the finegold that made it, or a new run folder"
            )
        return cls(path, manifest)

    @property
    def part_rows(self) -> int:
        """Dataset rows that a part of a table covers, a multiple of `BLOCK_ROWS`."""
        return int(self.manifest.get("part_rows", BLOCK_ROWS))

    def size_parts(self, rows: int, size: int) -> None:
        """Choose `part_rows` for a dataset of `rows` rows in files of `size` bytes; kept in the manifest.

        Call it before the first table is made. Results do not depend on it.
        """
        part_rows = choose_part_rows(rows, size)
        if part_rows != self.part_rows:
            self.manifest = {**self.manifest, "layout": LAYOUTS[1], "part_rows": part_rows}
            write_sealed(self.path / MANIFEST, self.manifest)

    def _rebind(self, data: Mapping[str, Any]) -> bool:
        """Take other data or options, if nothing came of those that the folder was opened with.

        So a command whose --images was forgotten or whose option was misspelt can be given again corrected.

        Returns:
            Whether it did: False if a row could be used, or anything was computed.
        """
        made = {entry.name for entry in self.path.iterdir() if entry.is_dir()}
        if made - {"samples", "features", "losses", ROWS}:
            return False
        with self.writing():
            for table in self.tables("samples"):
                if "ok" in table.read(["status"])["status"].unique().to_pylist():
                    return False
            shutil.rmtree(self.path / "samples", ignore_errors=True)
            self.manifest = {**self.manifest, "data": dict(data), "layout": LAYOUTS[0]}
            self.manifest.pop("part_rows", None)
            write_sealed(self.path / MANIFEST, self.manifest)
            self.log("rebound", data=dict(data))
        return True

    def table(self, kind: str, name: str, parameters: Mapping[str, Any], schema: pa.Schema) -> PartTable:
        """The table of one step, new, half-made or finished, in `<kind>/<name>-<fingerprint>`.

        Args:
            kind: `samples`, `embeddings`, `scores`, `clusters`, `layout`.
            name: The scorer's, encoder's or method's name.
            parameters: All that the numbers depend on, JSON-able; not batch size, workers or engine.
            schema: Columns of the parts.
        """
        folder = self.path / kind / f"{slug(name)}-{fingerprint(parameters)}"
        # As they are read back: a tuple would differ from its list.
        written = json.loads(canonical_json({"name": name, **parameters}))
        return PartTable(folder, schema, written, self.part_rows // BLOCK_ROWS)

    def tables(self, kind: str, **wanted: Any) -> list[PartTable]:
        """The finished tables of a kind, for reading, sorted by the names of their folders.

        Args:
            kind: `samples`, `embeddings`, `scores`, `clusters`, `layout`.
            wanted: Parameters that a table must have, such as `data="..."` or `scorer="length"`.

        Raises:
            RunError: If the parameters of a table cannot be read.
        """
        marks = sorted((self.path / kind).glob("*/done.json"))
        found = [PartTable.open(mark.parent, self.part_rows // BLOCK_ROWS) for mark in marks]
        return [table for table in found if table.done and wanted.items() <= table.parameters.items()]

    def log(self, event: str, **fields: Any) -> None:
        """Append one line to events.jsonl: time, event, fields; the same is logged, bad rows as details."""
        level = logging.DEBUG if event == "excluded" else logging.INFO
        LOGGER.log(level, "%s %s", event, ", ".join(f"{name} {value}" for name, value in fields.items()))
        line = json.dumps({"time": _now(), "event": event, **fields}, ensure_ascii=False, default=str)
        with LineFile(self.path / EVENTS) as file:
            file.write(line.encode("utf-8", "backslashreplace") + b"\n")

    @contextmanager
    def step(self, name: str, **fields: Any) -> Iterator[None]:
        """Log the start, and the end with its seconds or its error, of what the block does."""
        self.log("start", step=name, **fields)
        begin = time.perf_counter()
        try:
            yield
        except BaseException as error:
            with suppress(OSError, RunError):  # on a full disk the error that is raised says it
                self.log("stop", step=name, seconds=round(time.perf_counter() - begin, 3), error=repr(error))
            raise
        self.log("end", step=name, seconds=round(time.perf_counter() - begin, 3))

    @contextmanager
    def writing(self, *, wait: bool = False) -> Iterator[None]:
        """Hold the folder's lock, so that two processes do not write the same tables; a killed one frees it.

        Args:
            wait: Whether to wait for the other process, as shards do that hold the lock for a while only.

        Raises:
            RunError: If another process holds it; says which.
        """
        with writing_to(self.path, "give --run another folder", wait=wait):
            if mirror_of(self.path) is not None:
                self._read_again()
            yield

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send parts to the store of the folder, if it is in one, while shards write beside one another."""
        mirror = mirror_of(self.path)
        with nullcontext() if mirror is None else mirror.sending():
            yield

    @property
    def name(self) -> str:
        """The address of a folder in a store, or the path."""
        mirror = mirror_of(self.path)
        return str(self.path) if mirror is None else mirror.url

    def _read_again(self) -> None:
        """Take over what another computer wrote to the manifest since the folder was opened."""
        now = self._opened(self.path).manifest
        if canonical_json(now["data"]) != canonical_json(self.manifest["data"]):
            raise RunError(
                f"the run folder {self.name} was begun with other data on another computer: give --run "
                "another folder"
            )
        self.manifest = now


def choose_part_rows(rows: int, size: int) -> int:
    """Rows of a part: 256 for a small dataset, else a power of two from 4,096 to 65,536.

    Args:
        rows: Rows of the dataset.
        size: Bytes of its files.
    """
    if rows <= SMALL:
        return BLOCK_ROWS
    wanted = min(PART_BYTES * rows // max(1, size), -(-rows // MOST_PARTS))
    return int(min(MOST_PART, max(LEAST_PART, 1 << (wanted - 1).bit_length())))


def may_become_run(folder: Path) -> bool:
    """Whether a folder without a manifest holds at most rows from memory, or lost a damaged manifest."""
    names = {entry.name for entry in folder.iterdir()} - {".lock", ROWS}
    if not names:
        return True
    try:
        with (folder / EVENTS).open("rb") as file:
            first = json.loads(file.readline())
    except (OSError, ValueError):
        return False
    return isinstance(first, dict) and {"time", "event"} <= first.keys()


def slug(name: str) -> str:
    """A name as it may stand in a file name: `openai/clip` gives `openai--clip`."""
    return re.sub(r"[^\w.=+-]", "-", name.replace("/", "--")).strip(".-")[-80:] or "unnamed"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
