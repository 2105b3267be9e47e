"""Sealed JSON: a record holds the hash of its own content, so that a flipped byte is found when it is read.

    {"parts": 2, "files": {"part-000000.parquet": "9f2c..."}, "sha256": "41d0..."}

`sha256` is the hash of the canonical JSON of all other members. `files`, where there is one, holds the hashes
of files beside the record. A line of a JSONL file is sealed in the same way. A record without a seal was
written by an earlier finegold, or by hand, and is read as it is.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.run.atomic import write_json
from finegold.run.fingerprint import canonical_json, file_sha256

SEAL = "sha256"
FILES = "files"


def seal(value: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its seal as the last member.

    Args:
        value: JSON-able; an earlier seal is replaced.
    """
    # As it is read back: keys are texts then, and tuples lists.
    content: dict[str, Any] = json.loads(json.dumps({key: one for key, one in value.items() if key != SEAL}))
    return content | {SEAL: _digest(content)}


def broken_seal(value: Any) -> bool:
    """Whether a JSON value has a seal that does not fit its content."""
    if not isinstance(value, dict) or SEAL not in value:
        return False
    try:
        return bool(value[SEAL] != _digest({key: one for key, one in value.items() if key != SEAL}))
    except (ValueError, RecursionError):  # NaN, which no sealed record holds
        return True


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON record with its seal, whole or not at all."""
    write_json(path, seal(value))


def read_sealed(path: Path) -> dict[str, Any]:
    """Read a JSON record, without its seal.

    Raises:
        RunError: If it is no JSON object, or its seal does not fit.
        FileNotFoundError: If it is not there.
    """
    value = _parse(path.read_bytes(), path)
    if broken_seal(value):
        raise DamagedError(path, "its content does not fit its hash")
    if not isinstance(value, dict):
        raise DamagedError(path, f"it holds {type(value).__name__} in place of an object")
    value.pop(SEAL, None)
    return value


def file_list(folder: Path, *, skip: Collection[str] = ()) -> dict[str, str]:
    """The hashes of all files below a folder, for `FILES` of a record in it; hidden files do not count.

    Args:
        folder: The folder.
        skip: Paths that are not listed, such as the record's own name.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: file_sha256(path) for name, path in names.items() if name not in skip}


def listed_files_are_there(record: Path, value: Mapping[str, Any]) -> bool:
    """Whether the files that a record lists are there; each is compared with its hash.

    A process that asks again, as a study does before each step, compares those alone that were written since.

    Raises:
        RunError: If one does not fit.
    """
    for name, digest in (value.get(FILES) or {}).items():
        path = record.parent / name
        if not path.is_file():
            return False
        state = (*own_file_stamp(path), str(digest))
        if state not in _compared:
            if file_sha256(path) != digest:
                raise DamagedError(path, "its content does not fit its hash")
            _compared.add(state)
    return True


def own_file_stamp(path: Path) -> tuple[str, int, int, int]:
    """What changes with a file of finegold: a process asks it before it compares content a second time.

    The system stamps each change with its own time (`st_ctime_ns`), unlike the times that a copy sets; only a
    change of the same size within one tick of its clock, some milliseconds, would have the same. It decides
    only what is hashed again, and is kept nowhere.
    """
    found = path.stat()
    return str(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns


_compared: set[tuple[str, int, int, int, str]] = set()


class DamagedError(RunError):
    """A file of finegold's own is damaged; the message holds the command that repairs its folder."""

    def __init__(self, path: Path, why: str) -> None:
        """`why` says what is wrong with the file."""
        super().__init__(
            f"{path} is damaged ({why}): run `finegold check {path.parent} --repair`, which removes it, and "
            "then the same command again, which makes it again"
        )
        self.why = why


def _parse(data: bytes, path: Path) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedError(path, f"it is not JSON: {error}") from None


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(content).encode("utf-8", "surrogatepass")).hexdigest()
