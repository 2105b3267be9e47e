"""Rows that a benchmark's items contain: by image bytes, perceptual hash, cosine, and word n-grams.

Texts are compared as contamination checks do. PaLM (Chowdhery et al. 2022, arXiv 2204.02311, section 8)
calls an item contaminated if at least 70 % of its 8-grams are in the training data; here they must be in one
row. As in GPT-3 (Brown et al. 2020, arXiv 2005.14165, appendix C), n-grams of more than ten different texts
of the pool are common phrases and do not count. An item of fewer than eight words is not compared by text:
"Is there a dog?" is asked of any image.

Every pass looks up what it compares, so no pass compares all rows with all items.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Floats, Ints, Vectors
from finegold.dedup.hash_index import BITS, HashIndex, has_code, pack
from finegold.dedup.perceptual import RADIUS, Hashes
from finegold.dedup.semantic import THRESHOLD, semantic_cells, unit_vectors, usable_vectors
from finegold.run import TextColumn
from finegold.samples.words import split_words

T = TypeVar("T", bound=Sized)

NGRAM = 8
"""Words of an n-gram."""
SHARE = 0.7
"""Share of an item's n-grams that a row must have."""
COMMON = 10
"""Different texts of the pool up to which an n-gram that they share counts."""
_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The rows that have what an item has.

    Attributes:
        rows: Shape (r,), ascending.
        items: Shape (r,), the position of an item that each shares something with.
        how: What they share, as the end of a sentence that begins with "the row" and ends with the item.
    """

    rows: Ints
    items: Ints
    how: pa.Array

    @classmethod
    def of(cls, rows: Ints, items: Ints, how: Iterable[str]) -> "Overlaps":
        """Some rows, with the text of each."""
        return cls(rows, items, pa.array(how, pa.string()))

    @classmethod
    def of_parts(cls, parts: Iterable[T], find: "Callable[[T], Overlaps]") -> "Overlaps":
        """What is found in each of several parts of the rows, one after another in memory."""
        found, start = [cls.of(np.empty(0, np.int64), np.empty(0, np.int64), ())], 0
        for part in parts:
            one = find(part)
            found.append(replace(one, rows=one.rows + start))
            start += len(part)
        rows, items = (np.concatenate([getattr(one, name) for one in found]) for name in ("rows", "items"))
        return cls(rows, items, pa.concat_arrays([one.how for one in found]))


def image_overlap(rows: Sequence[Sequence[str]] | pa.Array, items: Sequence[Sequence[str]]) -> Overlaps:
    """Rows that have an image file of an item.

    Args:
        rows: Hashes of each row's image files.
        items: Hashes of each item's image files.
    """
    first: dict[str, int] = {}
    for item, hashes in enumerate(items):
        for one in hashes:
            first.setdefault(one, item)
    lists = rows if isinstance(rows, pa.Array) else pa.array(rows, pa.list_(pa.string()))
    place = pc.index_in(lists.flatten(), value_set=pa.array(list(first), lists.type.value_type))
    there = place.is_valid()
    owner = pc.list_parent_indices(lists).filter(there).to_numpy().astype(np.int64)
    shared = np.array(list(first.values()), np.int64)[place.drop_null().to_numpy()]
    order = np.lexsort((shared, owner))
    having, which = np.unique(owner[order], return_index=True)
    return Overlaps.of(having, shared[order][which], ["has the image file of"] * len(having))


def perceptual_overlap(rows: Hashes, items: Hashes, radius: int = RADIUS) -> Overlaps:
    """Rows whose image hash is within the radius of an item's; the nearest item, then the first, is named.

    Args:
        rows: Perceptual hash of each row's image; a missing one is like nothing.
        items: Likewise of each item.
        radius: Differing bits, inclusive.
    """
    codes, known = pack(rows), pack(items)
    places, queries = np.flatnonzero(has_code(known)), np.flatnonzero(has_code(codes))
    index = HashIndex(known[places], radius)
    none = np.iinfo(np.int64).max
    best = np.full(len(queries), none)
    for start in range(0, len(queries), _AT_ONCE):
        some = best[start : start + _AT_ONCE]
        for query, key, bits in index.near(codes[queries[start : start + _AT_ONCE]]):
            np.minimum.at(some, query, bits.astype(np.int64) << 32 | places[key])
    found = best < none
    distance, item = best[found] >> 32, best[found] & (1 << 32) - 1
    how = (f"has an image whose hash is {one} of {BITS} bits from that of" for one in distance.tolist())
    return Overlaps.of(queries[found], item, how)


def semantic_overlap(rows: Vectors, items: Vectors, threshold: float = THRESHOLD) -> Overlaps:
    """Rows whose embedding has a cosine with an item's that reaches the threshold, within a k-means cell.

    Args:
        rows: Shape (n, d), raw; a row that is not finite or zero is like nothing.
        items: Shape (m, d), raw, by the same encoder.
        threshold: Cosine, above 0.
    """
    both = np.concatenate([rows, items]) if len(items) else rows
    n = len(rows)
    numbers = pc.utf8_lpad(pa.array(np.arange(len(both))).cast(pa.string()), 12, "0")
    kinds = pa.array(["r", "i"]).take(pa.array((np.arange(len(both)) >= n).astype(np.int8)))
    cells = semantic_cells(both, TextColumn(pc.binary_join_element_wise(kinds, numbers, "")))
    there = np.flatnonzero(usable_vectors(both))
    by_cell = there[np.argsort(cells[there], kind="stable")]
    sorted_cells = cells[by_cell]
    found: list[tuple[Ints, Ints, Floats]] = []
    for cell in np.unique(sorted_cells[by_cell >= n]):
        start, end = np.searchsorted(sorted_cells, [cell, cell + 1])
        inside = by_cell[start:end]
        pool, bench = inside[inside < n], inside[inside >= n]
        known = unit_vectors(both[bench])
        for at in range(0, len(pool), 1024):
            part = pool[at : at + 1024]
            cosines = unit_vectors(both[part]) @ known.T
            best = np.argmax(cosines, axis=1)
            nearest = cosines[np.arange(len(part)), best]
            near = nearest >= threshold
            found.append((part[near], bench[best[near]] - n, nearest[near]))
    if not found:
        return Overlaps.of(np.empty(0, np.int64), np.empty(0, np.int64), ())
    places, which, cosine = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(places)
    how = (f"has an image embedding of cosine {float(one):.3f} with that of" for one in cosine[order])
    return Overlaps.of(places[order], which[order], how)


def text_overlap(
    parts: Iterable[Sequence[str]],
    items: Sequence[Sequence[str]],
    *,
    n: int = NGRAM,
    share: float = SHARE,
    common: int = COMMON,
) -> Overlaps:
    """Rows that have most word n-grams of a text of an item; case, spacing and punctuation do not count.

    Of the rows, only texts with an n-gram of an item that is not common yet are kept: at most `common` + 1
    for each such n-gram.

    Args:
        parts: The text of each row, some rows at a time.
        items: The texts of each item: a question with each of its answers, or captions.
        n: Words of an n-gram.
        share: Share of a text's n-grams that a row must have.
        common: Different texts of the pool up to which an n-gram that they share counts.
    """
    texts = [(item, set(_ngrams(text, n))) for item, several in enumerate(items) for text in several]
    wanted = {gram for _, grams in texts for gram in grams}
    counts: Counter[tuple[str, ...]] = Counter()
    numbers: dict[str, int] = {}
    shared: list[set[tuple[str, ...]]] = []
    rows, having, start = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
    for part in parts:
        coded = TextColumn(part).array.dictionary_encode()
        known = np.full(len(coded.dictionary), -1)
        for place, text in enumerate(coded.dictionary.to_pylist()):
            if text not in numbers and (grams := wanted.intersection(_ngrams(text, n))):
                numbers[text] = len(shared)
                shared.append(grams)
                counts.update(grams)
                wanted.difference_update([gram for gram in grams if counts[gram] > common])
            known[place] = numbers.get(text, -1)
        which = known[coded.indices.to_numpy()]
        there = np.flatnonzero(which >= 0)
        rows.append(start + there)
        having.append(which[there])
        start += len(which)
    by_gram: dict[tuple[str, ...], list[int]] = {}
    sizes = []
    for number, (_, grams) in enumerate(texts):
        kept = [gram for gram in grams if counts[gram] <= common]
        sizes.append(len(kept))
        for gram in kept:
            by_gram.setdefault(gram, []).append(number)
    best = np.full(len(shared), -1)
    parts_of = np.zeros(len(shared))
    for place, grams in enumerate(shared):
        hits = Counter(number for gram in grams for number in by_gram.get(gram, ()))
        fits = [
            (-hit / sizes[number], number) for number, hit in hits.items() if hit >= share * sizes[number]
        ]
        if fits:
            parts_of[place], best[place] = min(fits)
    contained = best[np.concatenate(having)] >= 0
    found = np.concatenate(having)[contained]
    owner = np.array([item for item, _ in texts], np.int64)
    how = (f"has {-part:.0%} of the {n}-word sequences of a text of" for part in parts_of[found].tolist())
    return Overlaps.of(np.concatenate(rows)[contained], owner[best[found]], how)


def _ngrams(text: str, n: int) -> Iterator[tuple[str, ...]]:
    words = [word for word in split_words(text) if any(map(str.isalnum, word))]
    return zip(*(words[start:] for start in range(n)), strict=False)
