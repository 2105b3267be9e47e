"""Files in memory that Arrow owns."""

import os
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa


def arrow_file(path: Path, mode: Literal["rb", "wb"] = "rb") -> Any:
    """A file opened by Arrow, whatever bytes its name has: Arrow's own functions take names in UTF-8 alone.

    Raises:
        OSError: If it cannot be opened.
    """
    return pa.OSFile(os.fsencode(path), mode)


def file_buffer(path: Path) -> pa.Buffer:
    """The whole content of a file, to be hashed and then read by Arrow.

    Arrow's threads let go of what they read a moment after the caller has its table. A `bytes` object that
    they hold is freed under the interpreter's lock. If the command has ended meanwhile, there is no
    interpreter any more, and the process dies with "terminate called without an active exception" and status
    -6 though its work is done. Memory that Arrow owns needs no interpreter.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        buffer = pa.allocate_buffer(os.fstat(file.fileno()).st_size)
        read = file.readinto(buffer)
    return buffer.slice(0, read)
