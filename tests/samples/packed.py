"""Arrow values that name one text again and again, and Parquet footers that say less than there is."""

import struct
from pathlib import Path

import pyarrow as pa


def repeated(count: int, size: int) -> pa.Array:
    """One text that many values name, in a dictionary."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array(["x" * size]))


def views(count: int, size: int, kind: pa.DataType) -> pa.Array:
    """One text that many values name, as views of it."""
    packed = struct.pack("<i4sii", size, b"xxxx", 0, 0) * count
    return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(packed), pa.py_buffer(b"x" * size)])


def restated(path: Path, number: int, other: int) -> Path:
    """Replace a number of a Parquet file's footer by another; returns the file."""
    data = path.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = data[start:-8].replace(_varint(number), _varint(other))
    assert footer != data[start:-8]
    path.write_bytes(data[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    return path


def _varint(number: int) -> bytes:
    """A number as Thrift's compact protocol writes it."""
    left, out = number << 1, bytearray()
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    return bytes([*out, left])
