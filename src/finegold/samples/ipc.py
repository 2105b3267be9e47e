"""How much the compressed buffers of an Arrow message unpack to, read from its headers before it is unpacked.

Field numbers are those of Arrow's `Message.fbs`; a message that pyarrow has read has been verified.
"""

import struct
from typing import Any

import pyarrow as pa

MAX_BATCH = 512 << 20
"""Bytes of an unpacked batch with its dictionaries; a batch that is not compressed is read where it lies."""
_DICTIONARY, _RECORDS = 2, 3


class _Table:
    """A table of a flatbuffer: where its fields lie."""

    def __init__(self, data: memoryview, place: int) -> None:
        self._data, self._place = data, place
        self._fields = place - int(struct.unpack_from("<i", data, place)[0])

    def where(self, number: int) -> int:
        """Place of a field; 0 if it has its default."""
        size: int = struct.unpack_from("<H", self._data, self._fields)[0]
        if 4 + 2 * number + 2 > size:
            return 0
        offset: int = struct.unpack_from("<H", self._data, self._fields + 4 + 2 * number)[0]
        return self._place + offset if offset else 0

    def number(self, number: int, kind: str) -> int:
        """Value of a field that holds a number, of a kind of `struct`."""
        place = self.where(number)
        return int(struct.unpack_from("<" + kind, self._data, place)[0]) if place else 0

    def target(self, number: int) -> int:
        """Place that a field points to; 0 if it is not there."""
        place = self.where(number)
        return place + int(struct.unpack_from("<I", self._data, place)[0]) if place else 0

    def table(self, number: int) -> "_Table | None":
        """The table that a field points to."""
        place = self.target(number)
        return _Table(self._data, place) if place else None


def packed_batch(source: Any) -> tuple[int, int]:
    """Rows of the next batch of a stream, and bytes that it and the dictionaries before it unpack to.

    Args:
        source: A memory-mapped file at the start of a message; it is behind the batch afterwards.

    Raises:
        ArrowException, OSError, StopIteration: What reading the message raises.
    """
    unpacked = 0
    while True:
        message = pa.ipc.read_message(source)
        kind, rows, size = _sizes(message)
        unpacked += size
        if kind != _DICTIONARY:
            return rows, unpacked


def _sizes(message: Any) -> tuple[int, int, int]:
    """Kind of a message, its rows, and bytes that its compressed buffers unpack to."""
    data, body = memoryview(message.metadata), message.body
    root = _Table(data, struct.unpack_from("<I", data)[0])
    kind, batch = root.number(1, "B"), root.table(2)
    if kind == _DICTIONARY and batch is not None:
        batch = batch.table(1)
    if kind not in (_DICTIONARY, _RECORDS) or batch is None:
        return kind, 0, 0
    rows, buffers = batch.number(0, "q"), batch.target(2)
    if not batch.where(3) or not buffers or body is None:
        return kind, rows, 0
    content, total = memoryview(body), 0
    for number in range(struct.unpack_from("<I", data, buffers)[0]):
        offset, length = struct.unpack_from("<qq", data, buffers + 4 + 16 * number)
        if length >= 8 and 0 <= offset <= len(content) - 8:
            # -1 says that this buffer is not compressed.
            total += max(0, struct.unpack_from("<q", content, offset)[0])
    return kind, rows, total
