"""Checking a folder that finegold wrote: every hash, and the removal of what is damaged.

The checks go by what files hold, not by who wrote them: tables, sealed JSON, sealed lines, and files that are
named after their hash. What has no hash, as from an earlier finegold, is read to its end and counted.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from finegold.errors import RunError
from finegold.run.fingerprint import file_sha256
from finegold.run.hashed_array import has_hash
from finegold.run.lines import parse_sealed_line, replace_lines
from finegold.run.seal import FILES, SEAL, DamagedError, broken_seal
from finegold.run.tables import DONE, HASHES, STEP, PartTable

RECORDS = frozenset(
    {
        *("manifest.json", STEP, DONE, "summary.json", "method.json", "selection.json", "subset.json"),
        *("tuning.json", "results.json", "judge.json", "runs.json", "losses.json", "findings.json"),
        "canary.json",
    }
)
"""Names of JSON files that finegold alone writes; others are looked at in the folders below."""
RECORD_FOLDERS = frozenset({"answers", "comparisons", "clusters"})
LINE_FILES = frozenset(
    {"audit.jsonl", "audit-llm.jsonl", "canary.jsonl", "judged.jsonl", "log.jsonl", "marks.jsonl"}
)
_NAMED_BY_HASH = re.compile(r"[0-9a-f]{12}\.(pth|jsonl|parquet)")


@dataclass(frozen=True, slots=True)
class Damage:
    """Something damaged, and what its repair removes.

    Attributes:
        path: The damaged or missing file.
        why: What is wrong with it.
        remove: Files that are removed, so that the next run makes them again.
        lines: Whether only the damaged lines of the file are removed.
        cut: Whether the file is cut at its first damaged line.
    """

    path: Path
    why: str
    remove: tuple[Path, ...]
    lines: bool = False
    cut: bool = False

    def repair(self) -> None:
        """Remove what is damaged."""
        if self.lines:
            kept = []
            for line in self.path.read_bytes().split(b"\n")[:-1]:
                if parse_sealed_line(line) is not None:
                    kept.append(line + b"\n")
                elif self.cut:
                    break
            replace_lines(self.path, kept)
        for path in self.remove:
            path.unlink(missing_ok=True)


@dataclass(slots=True)
class FolderCheck:
    """What a check found.

    Attributes:
        hashed: Number of files that have a hash and were compared with it.
        unhashed: Number of files that an earlier finegold wrote, without a hash.
        damages: What is damaged.
    """

    hashed: int = 0
    unhashed: int = 0
    damages: list[Damage] = field(default_factory=list)


def check_folder(folder: Path) -> FolderCheck:
    """Check everything below a folder that finegold wrote: of a run, a study, answers, a tuned model.

    Raises:
        RunError: If there is no such folder, or nothing in it is finegold's.
    """
    if not folder.is_dir():
        raise RunError(f"{folder} is no folder: name a run folder, or another folder that finegold wrote")
    found = FolderCheck()
    for place, folders, names in os.walk(folder):
        folders.sort()
        here = Path(place)
        if STEP in names or HASHES in names or any(name.startswith("part-") for name in names):
            _check_table(here, found)
        for name in sorted(names):
            _check_file(here / name, found)
    if not found.hashed and not found.unhashed and not found.damages:
        raise RunError(f"{folder} holds nothing that finegold checks: name a run folder")
    return found


def _check_table(folder: Path, found: FolderCheck) -> None:
    """Parts against their hashes; parts that are missing; other files of a finished table."""
    table = PartTable(folder, pa.schema([]), {})
    parts = table.paths()
    done = folder / DONE
    for path in parts:
        known = path.name in table.hashes
        try:
            table.part(int(path.stem.removeprefix("part-")))
        except (RunError, ValueError) as error:
            why = error.why if isinstance(error, DamagedError) else str(error)
            found.damages.append(Damage(path, why, (path, done)))
            continue
        found.hashed += known
        found.unhashed += not known
    for path, why in _named_files(done):
        if path not in parts and path.suffix == ".parquet":
            found.damages.append(Damage(path, "it is missing", (done,)))
        elif path.suffix != ".parquet" and (why or not path.exists()):
            # What is beside the parts is made together with them.
            found.damages.append(Damage(path, why or "it is missing", (path, *parts, done)))
    if parts and not (folder / STEP).exists():
        found.damages.append(Damage(folder / STEP, "it is missing", (done,)))


def _check_file(path: Path, found: FolderCheck) -> None:
    name, folder = path.name, path.parent.name
    if name in RECORDS or (path.suffix == ".json" and folder in RECORD_FOLDERS):
        _check_record(path, found)
    elif name in LINE_FILES or (path.suffix == ".jsonl" and folder == "answers") or path.suffix == ".part":
        _check_lines(path, found)
    elif path.suffix == ".npy":
        try:
            hashed = has_hash(path)
        except (OSError, ValueError, EOFError) as error:
            found.damages.append(Damage(path, str(error), (path,)))
            return
        found.hashed += hashed
        found.unhashed += not hashed
    elif {folder, path.parent.parent.name} & {"selectors", "losses"} and _NAMED_BY_HASH.fullmatch(name):
        found.hashed += 1
        if not file_sha256(path).startswith(path.stem):
            found.damages.append(Damage(path, "its content does not fit its name", (path,)))


def _check_record(path: Path, found: FolderCheck) -> None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        found.damages.append(Damage(path, f"it is not JSON: {error}", _with_record(path)))
        return
    if broken_seal(value) or not isinstance(value, dict):
        found.damages.append(Damage(path, "its content does not fit its hash", _with_record(path)))
        return
    found.hashed += SEAL in value
    found.unhashed += SEAL not in value
    if path.name != DONE or not (path.parent / STEP).exists():
        for other, why in _named_files(path):
            if why:
                found.damages.append(Damage(other, why, (other, *_with_record(path))))
            found.hashed += 1


def _with_record(path: Path) -> tuple[Path, ...]:
    """What must go together with a damaged record, so that it is made again."""
    if path.name == STEP:
        return (path, path.parent / DONE)
    if path.name in ("summary.json", "method.json") and (path.parent / STEP).exists():
        return (path, path.parent / DONE, *path.parent.glob("part-*.parquet"))
    return (path,)


def _named_files(record: Path) -> Iterator[tuple[Path, str]]:
    """The files that a sealed record names, each with what is wrong with it, if anything."""
    try:
        value = json.loads(record.read_bytes())
    except (OSError, ValueError, RecursionError):
        return
    files = value.get(FILES) if isinstance(value, dict) and not broken_seal(value) else None
    for name, digest in (files if isinstance(files, dict) else {}).items():
        path = record.parent / name
        if path.suffix == ".parquet" and record.name == DONE:
            yield path, ""  # a part, which is checked with its table
        elif not path.exists():
            yield path, "it is missing"
        else:
            yield path, "" if file_sha256(path) == digest else "its content does not fit its hash"


def _check_lines(path: Path, found: FolderCheck) -> None:
    bad = sealed = lines = 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        lines += 1
        bad += parse_sealed_line(line) is None
        sealed += b'"sha256": "' in line
    found.hashed += sealed > 0
    found.unhashed += lines > 0 and not sealed
    if bad:
        why = f"{bad:,} of its {lines:,} lines do not fit their hash"
        found.damages.append(Damage(path, why, (), lines=True, cut=path.suffix == ".part"))
