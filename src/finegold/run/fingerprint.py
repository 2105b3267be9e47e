"""Fingerprints: short names for what a table's numbers depend on."""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal values give equal text.

    Raises:
        TypeError: If something in it is not JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(parameters: Mapping[str, Any]) -> str:
    """First 12 hex digits of the sha256 of the parameters' canonical JSON."""
    return hashlib.sha256(canonical_json(parameters).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hashes(folder: Path, suffixes: Collection[str]) -> dict[str, str]:
    """Hex sha256 of the files in a folder, by name, of those with one of the suffixes; sorted."""
    files = sorted(path for path in folder.iterdir() if path.suffix in suffixes)
    return {path.name: file_sha256(path) for path in files}
