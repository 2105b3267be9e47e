"""Perceptual duplicates: the same picture after re-encoding, resizing or a change of brightness.

The hash is the DCT one of Zauner 2010 ("Implementation and benchmarking of perceptual image hash
functions"), with 120 low frequencies instead of 63.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from PIL import Image

from finegold.arrays import Ints
from finegold.dedup.duplicates import Duplicates, Keys, by_question, firsts, labels_of
from finegold.dedup.hash_index import Codes, HashIndex, differing, has_code, pack

RADIUS = 10
"""Number of differing bits, of 120, up to which two images count as duplicates.

On 2,500 photos JPEG at quality 30, half size and double size moved a hash by at most 6 bits and a quarter
more light by 14; the closest two different photos were 26 apart.
"""
Hashes: TypeAlias = Codes | Sequence[int | None]
"""Perceptual hash of each row, packed by `pack`, or as `perceptual_hash` gives them."""
_SIDE = 32
_FREQUENCIES = 11
_FLAT = 2.0  # grey levels: below, the hash would describe noise
_AT_ONCE = 4_096
_MOST_PAIRS = 1 << 22


def perceptual_hash(image: Image.Image) -> int | None:
    """Hash of an image's coarse grey structure: 120 bits, whether each low frequency is above their median.

    Returns:
        None for an image of one flat colour, which has no structure to compare: such images differ in
        colour alone, which the hash does not see.
    """
    from scipy.fft import dctn

    small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    grey = np.asarray(small, dtype=np.float64)
    if grey.std() < _FLAT:
        return None
    low = dctn(grey, norm="ortho")[:_FREQUENCIES, :_FREQUENCIES].ravel()[1:]
    bits = np.packbits(low > np.median(low))
    return int.from_bytes(bits.tobytes(), "big")


def perceptual_duplicates(
    hashes: Hashes, order: Ints, radius: int = RADIUS, questions: Keys | None = None
) -> Duplicates:
    """Keep a row unless its hash is within the radius of the hash of a better row that stays.

    Only images are compared: of several rows that share an image and differ in text, one stays.

    Args:
        hashes: One hash per row of the pool; a row without one has no duplicates.
        order: The rows to compare, best first (`best_first`).
        radius: Differing bits, inclusive, 0 to 120; cost grows steeply above some 20.
        questions: A label a row: rows of different labels are not compared, and the outcome is that of one
            pass for each label after another. None compares all.
    """
    codes = pack(hashes)
    rows, asked = by_question(order, questions)
    there = has_code(codes[rows])
    rows, asked = rows[there], asked[there]
    codes = codes[rows]
    label = labels_of(np.column_stack([asked.astype(np.uint64), codes]))
    first = firsts(label)  # of equal hashes: what holds of the first holds of all
    near = _nearest_better(codes[first], asked[first], radius)
    which = np.empty(len(first), np.int64)
    which[label[first]] = np.arange(len(first))
    same = which[label]
    better = np.where(near[same] < 0, first[same], first[near[same]])
    gone = np.flatnonzero(better != np.arange(len(rows)))
    distance = differing(codes[gone], codes[better[gone]]).astype(np.float64)
    return Duplicates.of(order, rows[gone], rows[better[gone]], distance, "perceptual")


def _nearest_better(codes: Codes, asked: Ints, radius: int) -> Ints:
    """For each of some distinct hashes, best first, the place of the first near one that stays; else -1."""
    found = np.full(len(codes), -1, np.int64)
    runs: list[tuple[Ints, HashIndex]] = []
    for start in range(0, len(codes), _AT_ONCE):
        block = np.arange(start, min(start + _AT_ONCE, len(codes)))
        best = np.full(len(block), len(codes))
        for places, index in runs:
            for query, key, _ in index.near(codes[block], asked[block]):
                np.minimum.at(best, query, places[key])
        found[block] = np.where(best < len(codes), best, -1)
        left = block[found[block] < 0]
        index = HashIndex(codes[left], radius, asked[left])
        stays = _among(left, index, codes, asked, found)
        # Two runs of about one size become one, so that there are few of them and few are sorted again.
        runs.append((left[stays], HashIndex(codes[left[stays]], radius, asked[left[stays]])))
        while len(runs) > 1 and len(runs[-2][0]) <= len(runs[-1][0]):
            places = np.concatenate([runs[-2][0], runs[-1][0]])
            runs[-2:] = [(places, HashIndex(codes[places], radius, asked[places]))]
    return found


def _among(left: Ints, index: HashIndex, codes: Codes, asked: Ints, found: Ints) -> Ints:
    """Places of the rows that stay, best first; notes in `found` what stays in the place of the others."""
    pairs = [np.empty(0, np.int64)]
    for query, key, _ in index.near(codes[left], asked[left]):
        earlier = key < query
        pairs.append(query[earlier] * len(left) + key[earlier])
        if sum(map(len, pairs)) > _MOST_PAIRS:  # a pair may come several times
            pairs = [np.unique(np.concatenate(pairs))]
    stays = np.ones(len(left), np.bool_)
    for pair in np.unique(np.concatenate(pairs)).tolist():
        worse, better = divmod(pair, len(left))
        if stays[worse] and stays[better]:
            stays[worse] = False
            found[left[worse]] = left[better]
    return np.flatnonzero(stays)
