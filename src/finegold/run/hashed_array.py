"""Arrays on disk as NumPy writes them, with the sha256 of these bytes behind them; NumPy reads them too."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finegold.run.atomic import write_bytes

_DIGEST = hashlib.sha256().digest_size


def write_hashed_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array and its hash, whole or not at all."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    data = buffer.getvalue()
    write_bytes(path, data + hashlib.sha256(data).digest())


def read_hashed_array(path: Path) -> npt.NDArray[Any]:
    """Read an array; one without a hash, as an earlier finegold wrote it, is read too.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no array, or does not fit its hash.
    """
    data = path.read_bytes()
    buffer = io.BytesIO(data)
    array: npt.NDArray[Any] = np.load(buffer, allow_pickle=False)
    end = buffer.tell()
    if end != len(data) and hashlib.sha256(data[:-_DIGEST]).digest() != data[-_DIGEST:]:
        raise ValueError("its content does not fit its hash")
    return array


def has_hash(path: Path) -> bool:
    """Whether there is a hash behind the array; see `read_hashed_array` for what is raised."""
    read_hashed_array(path)
    with path.open("rb") as file:
        np.load(file, allow_pickle=False)
        return bool(file.read(1))
