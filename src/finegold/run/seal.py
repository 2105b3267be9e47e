"""Sealed JSON: a record holds the hash of its own content, so that a flipped byte is found when it is read.

    {"parts": 2, "files": {"part-000000.parquet": "9f2c..."}, "sha256": "41d0..."}

`sha256` is the hash of the canonical JSON of all other members. `files`, where there is one, holds the hashes
of files beside the record. A line of a JSONL file is sealed in the same way. A record without a seal was
written by an earlier finegold, or by hand, and is read as it is.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.run.atomic import write_json
from finegold.run.fingerprint import canonical_json

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
        raise damaged(path, "its content does not fit its hash")
    if not isinstance(value, dict):
        raise damaged(path, f"it holds {type(value).__name__} in place of an object")
    value.pop(SEAL, None)
    return value


def damaged(path: Path, why: str) -> RunError:
    """The error about a damaged file of finegold's own, with the command that repairs its folder."""
    return RunError(
        f"{path} is damaged ({why}): run `finegold check {path.parent} --repair`, which removes it, and then "
        "the same command again, which makes it again"
    )


def _parse(data: bytes, path: Path) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"it is not JSON: {error}") from None


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(content).encode("utf-8", "surrogatepass")).hexdigest()
