"""Files that grow line by line: a line is written whole, and one that a kill or a full disk cut is removed.

A line is a JSON object with the seal of `seal.py`.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.run.atomic import write_bytes
from finegold.run.seal import SEAL, broken_seal, seal


def sealed_line(record: Mapping[str, Any]) -> bytes:
    """A record as a JSON line with its seal, in UTF-8; lone surrogates make it ASCII with escapes."""
    sealed = seal(record)
    try:
        return json.dumps(sealed, ensure_ascii=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return json.dumps(sealed).encode("ascii") + b"\n"


class LineFile:
    """A file to which whole lines are appended; a context manager."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, and cut a last line that has no end.

        Raises:
            OSError: If it cannot be opened for writing.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            with _alone(self._file):
                cut_last_line(self._file)
        except BaseException:
            os.close(self._file)
            raise

    def write(self, lines: bytes) -> None:
        """Append whole lines: all of them, or, if the disk is full, none.

        Raises:
            RunError: If they cannot be written; the file is as it was before.
        """
        with _alone(self._file):
            start = os.fstat(self._file).st_size
            try:
                write_all(self._file, lines)
            except OSError as error:
                os.ftruncate(self._file, start)
                raise RunError(
                    f"{self.path} cannot be written ({error.strerror}): make room, then run the same command "
                    "again, which goes on where it stopped"
                ) from error

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> "LineFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_all(file: int, data: bytes) -> None:
    """Write all bytes: the system may take fewer in one call, as on a disk that is nearly full."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def cut_last_line(file: int) -> None:
    """Remove what stands behind the last line end of an open file."""
    size = end = os.fstat(file).st_size
    while end:
        start = max(0, end - (1 << 16))
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(file, end)


def read_sealed_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield the number, from 1, and the record without its seal of each line; None for a damaged line.

    A last line that has no end is cut off: a killed process left it.

    Raises:
        OSError: If the file cannot be read.
    """
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        yield number, parse_sealed_line(line)


def parse_sealed_line(line: bytes) -> dict[str, Any] | None:
    """The record of a line, without its seal; None if it is no JSON object or the seal does not fit."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or broken_seal(record):
        return None
    record.pop(SEAL, None)
    return record


def replace_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Replace a file of lines, whole or not at all."""
    write_bytes(path, b"".join(lines))


@contextmanager
def _alone(file: int) -> Iterator[None]:
    """Hold a lock on an open file, since shards of an evaluation may share an audit."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with suppress(OSError):  # a file system without locks
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
