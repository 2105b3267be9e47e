"""Which rows repeat an earlier one: by hashes of ids and contents, on disk beyond a number of rows."""

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import chain
from typing import Self, TypeAlias

import numpy as np

from finegold.run.lines import write_all
from finegold.samples.check import Checked
from finegold.samples.exclusions import Exclusion

IN_MEMORY = 1 << 16
"""Rows whose hashes are in memory, 16 MB; those of earlier rows lie in temporary files."""
FILTER_BITS = 1 << 27
"""Bits of the filter of ids, and of that of contents: 16 MB each, from the first file on.

Two keys in a hundred that are in no file are searched for among ten million rows, a quarter among 50 million.
"""
MERGED = 8
"""Files of about the same size that are merged into one, so that there are few to search."""
_KEY = np.dtype([("high", "<u8"), ("low", "<u8"), ("place", "<i8")])
_KeyRows: TypeAlias = np.ndarray[tuple[int], np.dtype[np.void]]


class Repeats:
    """The ids and contents of the usable rows so far. Add rows in dataset order.

    Of two rows with the same id or the same content, the later is excluded. Two of them are the same if 128
    bits of their hashes are. However many rows there are, at most 60 MB are in memory; temporary files hold
    the place of each row and 48 bytes more, and these twice while files are merged.
    """

    def __init__(self, in_memory: int = IN_MEMORY, filter_bits: int = FILTER_BITS) -> None:
        """Nothing was added.

        Args:
            in_memory: Rows whose hashes are in memory.
            filter_bits: Bits of each of two filters, a power of two.
        """
        self._in_memory = in_memory
        self._ids, self._contents = (_Keys(in_memory, filter_bits) for _ in range(2))
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

    def __init__(self, at_once: int, filter_bits: int) -> None:
        self.recent: dict[bytes, int] = {}
        self._at_once = at_once
        self._filter = _Filter(filter_bits)
        self._levels: list[list[_SortedFile]] = []
        """Fewer than `MERGED` files each; a file of a level has the keys of `MERGED` of the level before."""

    def find(self, key: bytes) -> int | None:
        """The number of a key; None if it was not added."""
        found = self.recent.get(key)
        if found is not None or not self._levels:
            return found
        high = int.from_bytes(key[:8], "little")
        if self._filter.may_hold(high, int.from_bytes(key[8:], "little")):
            for file in chain.from_iterable(self._levels):
                if (found := file.find(key, high)) is not None:
                    return found
        return None

    def spill(self) -> None:
        """Move what is in memory to a file."""
        rows = np.empty(len(self.recent), _KEY)
        rows["high"], rows["low"] = np.frombuffer(b"".join(self.recent), np.uint64).reshape(-1, 2).T
        rows["place"] = np.fromiter(self.recent.values(), np.int64, len(rows))
        self.recent = {}
        self._filter.add(rows)
        file = _SortedFile(len(rows), [rows])
        for level in self._levels:
            level.append(file)
            if len(level) < MERGED:
                return
            file = _SortedFile.merge(level, self._at_once)
            level.clear()
        self._levels.append([file])


class _Filter:
    """A Bloom filter of a fixed size: it knows of most keys that are in no file that they are in none."""

    def __init__(self, bits: int) -> None:
        """An empty filter of a power of two of bits, at least 8; a key sets two."""
        self._mask = bits - 1
        self._bits = np.zeros(bits // 8, np.uint8)
        self._bytes = self._bits.data

    def add(self, rows: _KeyRows) -> None:
        """Note keys."""
        for half in ("high", "low"):
            bits = (rows[half] & np.uint64(self._mask)).astype(np.int64)
            np.bitwise_or.at(self._bits, bits >> 3, np.left_shift(1, bits & 7).astype(np.uint8))

    def may_hold(self, high: int, low: int) -> bool:
        """Whether a key may have been added."""
        for half in (high, low):
            bit = half & self._mask
            if not self._bytes[bit >> 3] >> (bit & 7) & 1:
                return False
        return True


class _SortedFile:
    """Keys in a temporary file, sorted by their first half; none of them is in memory.

    The first bits of a key are the number of its page. The file holds where each page starts, then the keys.
    """

    PAGE = 32
    """Keys of a page, 768 bytes, on average: what one search reads."""

    def __init__(self, length: int, slices: Iterable[_KeyRows], cut: int = 0) -> None:
        """Write `length` keys, which come in 2**`cut` slices by their first `cut` bits."""
        self._bits = max(1, cut, (length // self.PAGE).bit_length())
        self._head = 8 * ((1 << self._bits) + 1)
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as this lives
        file = self._file.fileno()
        self.length = 0
        pages = np.arange(1 << (self._bits - cut), dtype=np.uint64)
        for rows in slices:
            rows = rows[np.argsort(rows["high"], kind="stable")]
            page_of = rows["high"] >> np.uint64(64 - self._bits)
            starts = self.length + np.searchsorted(page_of, pages)
            self._file.seek(8 * int(pages[0]))
            write_all(file, starts.astype("<i8").tobytes())
            self._file.seek(self._head + self.length * _KEY.itemsize)
            write_all(file, rows.tobytes())
            self.length += len(rows)
            pages += np.uint64(len(pages))
        self._file.seek(self._head - 8)
        write_all(file, self.length.to_bytes(8, "little"))

    @classmethod
    def merge(cls, files: Sequence[Self], at_once: int) -> Self:
        """The keys of several files in one, about `at_once` of them in memory at a time."""
        length = sum(file.length for file in files)
        cut = min(*(file._bits for file in files), (length // at_once).bit_length())
        slices = (np.concatenate([file._slice(at, cut) for file in files]) for at in range(1 << cut))
        return cls(length, slices, cut)

    def find(self, key: bytes, high: int) -> int | None:
        """The number of a key with this first half; None if it is not here."""
        page = self._read(high >> (64 - self._bits), 1)
        at = page.find(key)
        while at >= 0 and at % _KEY.itemsize:  # across two keys
            at = page.find(key, at + 1)
        return None if at < 0 else int.from_bytes(page[at + len(key) : at + _KEY.itemsize], "little")

    def _slice(self, at: int, cut: int) -> _KeyRows:
        """The keys whose first `cut` bits are the number `at`."""
        pages = 1 << (self._bits - cut)
        return np.frombuffer(self._read(at * pages, pages), _KEY)

    def _read(self, page: int, pages: int) -> bytes:
        """The keys on some pages."""
        file = self._file.fileno()
        starts = os.pread(file, 8 * pages + 8, 8 * page)
        begin, end = int.from_bytes(starts[:8], "little"), int.from_bytes(starts[-8:], "little")
        return os.pread(file, (end - begin) * _KEY.itemsize, self._head + begin * _KEY.itemsize)
