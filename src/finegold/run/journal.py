"""Blocks of parts that are not whole yet, so that a kill loses seconds of work where a part takes hours.

A part that is in work may have a file beside the parts, `blocks-000012.journal`: of each finished block its
number, the length of what follows, the sha256 of both and of that, and its rows as an Arrow stream. It is
deleted when the part is written, and does not belong to the finished table.
"""

import hashlib
import os
import struct
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from finegold.errors import RunError
from finegold.run.lines import write_all

_HEAD = struct.Struct(">QQ32s")


def append_blocks(path: Path, blocks: Mapping[int, pa.Table]) -> None:
    """Append blocks by their numbers, and sync the file to the disk.

    Raises:
        RunError: If they cannot be written; the file is as it was before.
    """
    data = bytearray()
    for number, rows in blocks.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as stream:
            stream.write_table(rows)
        content = sink.getvalue()
        data += _HEAD.pack(number, content.size, _digest(number, content)) + content
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    start = os.fstat(file).st_size
    try:
        write_all(file, bytes(data))
        os.fsync(file)
    except OSError as error:
        os.ftruncate(file, start)
        raise RunError(
            f"{path} cannot be written ({error.strerror}): make room, then run the same command again, which "
            "goes on where it stopped"
        ) from error
    finally:
        os.close(file)


def read_blocks(path: Path) -> dict[int, pa.Table]:
    """The blocks of a file by their numbers; what a kill or a power cut left behind them is cut off."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    found: dict[int, pa.Table] = {}
    at = 0
    while at + _HEAD.size <= len(data):
        number, size, digest = _HEAD.unpack_from(data, at)
        content = pa.py_buffer(data)[at + _HEAD.size : at + _HEAD.size + size]
        if content.size < size or _digest(number, content) != digest:
            break
        found[number] = pa.ipc.open_stream(content).read_all()
        at += _HEAD.size + size
    if at < len(data):
        os.truncate(path, at)
    return found


def _digest(number: int, content: pa.Buffer) -> bytes:
    digest = hashlib.sha256(struct.pack(">QQ", number, content.size))
    digest.update(content)
    return digest.digest()
