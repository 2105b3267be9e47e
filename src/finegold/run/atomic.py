"""Files that are either whole or not there: written under a temporary name, synced, renamed."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MOST_BYTES = 200
"""Bytes of a name up to which `hidden_beside` keeps it whole."""


@contextmanager
def atomic_path(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the place of `path` when the block ends well.

    No two writers get the same one, in whatever process, thread or computer they are.

    Args:
        path: The file.
        sync: Whether the file is on the disk when the block ends; if not, the caller calls `sync_file`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = hidden_beside(path, f"{unique_name()}.tmp")
    try:
        yield temporary
        if sync:
            sync_file(temporary)
        temporary.replace(path)
    except OSError as error:
        if error.filename is None or str(error.filename) == str(temporary):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk; raises OSError, which names it."""
    with path.open("rb") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            error.filename = str(path)
            raise


def unique_name() -> str:
    """A short name that no other process, thread or computer has."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def hidden_beside(path: Path, ending: str) -> Path:
    """The hidden file `.NAME.ENDING` beside a path; a long name is cut, as names have 255 bytes at most."""
    name = path.name
    if len(os.fsencode(name)) > MOST_BYTES:
        name = f"{name[:24]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"
    return path.with_name(f".{name}.{ending}")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file atomically; a lone surrogate, which UTF-8 cannot hold, as its JSON escape."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically; a lone surrogate as its JSON escape, which is the same as Python's."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_lines(
    path: Path, texts: Iterable[str], *, start: str = "", between: str = "\n", end: str = "\n"
) -> int:
    """Write a UTF-8 file of texts atomically, of which one is held at a time.

    Args:
        path: The file.
        texts: What it holds; a lone surrogate is written as its JSON escape.
        start: What stands before the first text.
        between: What stands between two texts.
        end: What stands behind the last text.

    Returns:
        Number of texts.
    """
    count = 0
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        file.write(start)
        for count, text in enumerate(texts, 1):
            file.write(f"{between if count > 1 else ''}{text}")
        file.write(end if count or start else "")
    return count
