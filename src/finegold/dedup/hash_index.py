"""Hashes of 120 bits in arrays, and an index that finds those within a Hamming radius.

Pairs are found by multi-index hashing (Norouzi et al. 2012, arXiv 1307.2982): the bits are cut into so many
bands that a pair within the radius differs in at most one bit of some band, and only hashes that share such a
band are compared. No pair is missed and no quadratic pass is made. A hash takes 24 bytes and 8 a band.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.arrays import Ints
from finegold.run import TextColumn

Codes: TypeAlias = npt.NDArray[np.uint64]
"""Hashes as two numbers each, the higher bits first, shape (n, 2); `NONE` twice where there is none."""
BITS = 120
NONE = np.uint64(2**64 - 1)
_BANDS = 6
"""Least number of bands: a band of more than 20 bits would have a table of more than 8 MB."""
_AT_ONCE = 1 << 20
"""Candidates that are compared at a time."""


def pack(codes: Codes | Sequence[int | None]) -> Codes:
    """Hashes as an array; one that is packed already as it is."""
    if isinstance(codes, np.ndarray):
        return codes
    none = (1 << 128) - 1
    data = b"".join((none if code is None else code).to_bytes(16, "big") for code in codes)
    return np.frombuffer(data, ">u8").astype(np.uint64).reshape(-1, 2)


def from_hexadecimal(column: pa.Array | pa.ChunkedArray) -> Codes:
    """Hashes from texts of 30 hexadecimal digits, null for none."""
    found = np.full((len(column), 2), NONE)
    texts = TextColumn(column.drop_null()).array
    if len(texts):
        start, end = (
            int(np.frombuffer(texts.buffers()[1], np.int64)[texts.offset + at]) for at in (0, len(texts))
        )
        digits = np.frombuffer(texts.buffers()[2], np.uint8)[start:end].reshape(len(texts), BITS // 4)
        values = (digits & 15) + np.where(digits > ord("9"), 9, 0).astype(np.uint8)
        packed = np.zeros((len(texts), 16), np.uint8)
        packed[:, 1:] = values[:, ::2] << 4 | values[:, 1::2]
        found[column.is_valid().to_numpy(zero_copy_only=False)] = packed.view(">u8")
    return found


def has_code(codes: Codes) -> npt.NDArray[np.bool_]:
    """Whether there is a hash, shape (n,)."""
    found: npt.NDArray[np.bool_] = codes[:, 0] != NONE
    return found


def differing(one: Codes, other: Codes) -> npt.NDArray[np.uint8]:
    """Number of bits in which each pair of hashes differs, 8 bits wide, shape (n,)."""
    high, low = (np.bitwise_count(one[:, at] ^ other[:, at]) for at in (0, 1))
    found: npt.NDArray[np.uint8] = high + low
    return found


class HashIndex:
    """Finds the hashes within a radius of others, without comparing all."""

    def __init__(self, codes: Codes, radius: int, labels: Ints | None = None) -> None:
        """Take distinct or equal hashes, none of them missing.

        Args:
            codes: The hashes.
            radius: Differing bits, inclusive.
            labels: A hash is compared with those of the same label; None for one label.
        """
        self._codes, self._radius, self._labels = codes, radius, labels
        bands = max(_BANDS, (radius + 2) // 2)
        self._cuts = [BITS * band // bands for band in range(bands + 1)]
        # With more bands than bits that may differ, one band is the same in both.
        self._flips = bands <= radius
        most = max(8, len(codes).bit_length())
        self._tables = []
        for start, end in zip(self._cuts, self._cuts[1:], strict=False):
            kept = min(end - start, most)  # of a few hashes, fewer bits tell them apart
            part = _part(codes, start, kept)
            starts = np.zeros((1 << kept) + 1, np.int64)
            np.cumsum(np.bincount(part, minlength=1 << kept), out=starts[1:])
            self._tables.append((start, kept, starts, np.argsort(part, kind="stable")))

    def near(
        self, codes: Codes, labels: Ints | None = None
    ) -> Iterator[tuple[Ints, Ints, npt.NDArray[np.uint8]]]:
        """The pairs within the radius: places among `codes`, places in the index, and differing bits.

        Some at a time; a pair may come several times.

        Args:
            codes: Hashes, none missing.
            labels: Label of each, if the index has labels.
        """
        for start, kept, starts, order in self._tables:
            part = _part(codes, start, kept)
            flips = [0, *(1 << bit for bit in range(kept))] if self._flips else [0]
            probes = part ^ np.array(flips)[:, None]
            begin, counts = starts[probes].ravel(), (starts[probes + 1] - starts[probes]).ravel()
            ends = np.cumsum(counts)
            at = 0
            while at < len(ends):
                before = ends[at] - counts[at]
                stop = max(at + 1, int(np.searchsorted(ends, before + _AT_ONCE, "right")))
                some = counts[at:stop]
                query = np.repeat(np.arange(at, stop) % len(codes), some)
                skip = np.repeat(begin[at:stop] - (ends[at:stop] - some - before), some)
                key = order[skip + np.arange(len(query))]
                bits = differing(codes[query], self._codes[key])
                fits = bits <= self._radius
                if self._labels is not None and labels is not None:
                    fits &= labels[query] == self._labels[key]
                if fits.any():
                    yield query[fits], key[fits], bits[fits]
                at = stop


def _part(codes: Codes, start: int, kept: int) -> Ints:
    """`kept` bits of each hash, from bit `start` on, counted from the lowest."""
    low, high = codes[:, 1], codes[:, 0]
    if start >= 64:
        found = high >> np.uint64(start - 64)
    else:
        found = low >> np.uint64(start)
        if start + kept > 64:
            found = found | (high << np.uint64(64 - start))
    return (found & np.uint64((1 << kept) - 1)).astype(np.int64)
