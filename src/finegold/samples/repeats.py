"""Which rows repeat an earlier one: by hashes of ids and contents, on disk beyond a number of rows."""

import os
import tempfile
from bisect import bisect_left, bisect_right
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from finegold.arrays import Ints
from finegold.samples.check import Checked
from finegold.samples.exclusions import Exclusion

IN_MEMORY = 1 << 18
"""Rows whose hashes are in memory, about 100 MB; those of earlier rows lie in temporary files."""
MERGED = 8
"""Files of `IN_MEMORY` rows that are merged into one, so that there are few to search."""
_KEY = np.dtype([("high", "<u8"), ("low", "<u8"), ("place", "<i8")])


class Repeats:
    """The ids and contents of the usable rows so far. Add rows in dataset order.

    Of two rows with the same id or the same content, the later is excluded. Two of them are the same if 128
    bits of their hashes are.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        """Nothing was added."""
        self._in_memory = in_memory
        self._ids, self._contents = _Keys(), _Keys()
        self._places = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this lives
        self._end = 0

    def add(self, sample_id: str, content: str, place: str) -> Exclusion | None:
        """Note a usable row, or return why it is excluded if it repeats an earlier one.

        Args:
            sample_id: Its id.
            content: Its content hash.
            place: Where a person finds it.
        """
        by_content, by_id = _key(content), _key(sample_id)
        if (found := self._contents.find(by_content)) is not None:
            return Exclusion("duplicate-row", f"the row equals that at {self._place(found)}")
        if (found := self._ids.find(by_id)) is not None:
            return Exclusion(
                "repeated-id",
                f"the id '{sample_id}' is also that of another row, at {self._place(found)}: "
                "--ids row numbers the rows instead",
            )
        if len(self._ids.recent) >= self._in_memory:
            self._ids.spill()
            self._contents.spill()
        self._ids.recent[by_id] = self._contents.recent[by_content] = self._end
        text = place.encode("utf-8", "surrogatepass") + b"\n"
        self._places.write(text)
        self._end += len(text)
        return None

    def judge(self, checked: Checked) -> Checked:
        """Exclude the row if it repeats an earlier usable one."""
        if checked.content_hash is None:
            return checked
        exclusion = self.add(checked.row.id, checked.content_hash, checked.row.place)
        return (
            checked if exclusion is None else replace(checked, row=replace(checked.row, exclusion=exclusion))
        )

    def _place(self, start: int) -> str:
        self._places.seek(start)
        line = self._places.readline()
        self._places.seek(self._end)
        return line[:-1].decode("utf-8", "surrogatepass")


def _key(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class _Keys:
    """Keys of 16 bytes with a number each: the newest in a dictionary, the others sorted in files."""

    def __init__(self) -> None:
        self.recent: dict[bytes, int] = {}
        self._small: list[_SortedFile] = []
        self._large: list[_SortedFile] = []

    def find(self, key: bytes) -> int | None:
        """The number of a key; None if it was not added."""
        found = self.recent.get(key)
        if found is not None:
            return found
        for file in (*self._small, *self._large):
            if (found := file.find(key)) is not None:
                return found
        return None

    def spill(self) -> None:
        """Move what is in memory to a file."""
        keys = np.frombuffer(b"".join(self.recent), np.uint64).reshape(-1, 2)
        rows = np.empty(len(keys), _KEY)
        rows["high"], rows["low"] = keys.T
        rows["place"] = np.fromiter(self.recent.values(), np.int64, len(keys))
        self._small.append(_SortedFile(rows))
        self.recent = {}
        if len(self._small) == MERGED:
            self._large.append(_SortedFile(np.concatenate([file.rows() for file in self._small])))
            self._small = []


class _SortedFile:
    """Keys sorted in a temporary file; in memory are the first of each page, and a Bloom filter of all."""

    PAGE = 256
    """Keys of a page, 6 kB: what one search reads."""
    BITS_A_KEY = 16
    """Bits of the filter, of which a key sets two: 1.4 % of the keys that are not there are searched for."""

    def __init__(self, rows: np.ndarray[tuple[int], np.dtype[np.void]]) -> None:
        rows = rows[np.argsort(rows["high"], kind="stable")]
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this lives
        self._file.write(rows.tobytes())
        self._file.flush()
        self._length = len(rows)
        self._first = rows["high"][:: self.PAGE].tolist()
        self._size = self.BITS_A_KEY * len(rows)
        filled = np.zeros(self._size, np.bool_)
        for half in ("high", "low"):
            filled[(rows[half] % np.uint64(self._size)).astype(np.int64)] = True
        self._filter = np.packbits(filled, bitorder="little").tobytes()

    def rows(self) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        """All keys."""
        return self._read(0, self._length)

    def find(self, key: bytes) -> int | None:
        """The number of a key; None if it is not here."""
        high, low = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
        for bit in (high % self._size, low % self._size):
            if not self._filter[bit >> 3] >> (bit & 7) & 1:
                return None
        # Equal first halves may go on over the end of a page.
        begin = max(0, bisect_left(self._first, high) - 1) * self.PAGE
        end = min(self._length, bisect_right(self._first, high) * self.PAGE)
        page = self._read(begin, end)
        found: Ints = np.flatnonzero((page["high"] == np.uint64(high)) & (page["low"] == np.uint64(low)))
        return int(page["place"][found[0]]) if len(found) else None

    def _read(self, begin: int, end: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        data = os.pread(self._file.fileno(), (end - begin) * _KEY.itemsize, begin * _KEY.itemsize)
        return np.frombuffer(data, _KEY)
