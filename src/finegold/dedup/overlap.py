"""Rows that a benchmark's items contain: by image bytes, perceptual hash, cosine, and word n-grams.

Texts are compared as contamination checks do. PaLM (Chowdhery et al. 2022, arXiv 2204.02311, section 8)
calls an item contaminated if at least 70 % of its 8-grams are in the training data; here they must be in one
row. As in GPT-3 (Brown et al. 2020, arXiv 2005.14165, appendix C), n-grams of more than ten different texts
of the pool are common phrases and do not count. An item of fewer than eight words is not compared by text:
"Is there a dog?" is asked of any image.

Every pass looks up what it compares, so no pass compares all rows with all items.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Vectors
from finegold.dedup.perceptual import BITS, RADIUS, HashIndex
from finegold.dedup.semantic import THRESHOLD, semantic_cells, unit_vectors, usable_vectors
from finegold.samples.words import split_words

NGRAM = 8
"""Words of an n-gram."""
SHARE = 0.7
"""Share of an item's n-grams that a row must have."""
COMMON = 10
"""Different texts of the pool up to which an n-gram that they share counts."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """That a row has what an item has.

    Attributes:
        item: Position of the item.
        how: What they share, as the end of a sentence that begins with "the row" and ends with the item.
    """

    item: int
    how: str


def image_overlap(rows: Sequence[Sequence[str]], items: Sequence[Sequence[str]]) -> dict[int, Overlap]:
    """Rows that have an image file of an item.

    Args:
        rows: Hashes of each row's image files.
        items: Hashes of each item's image files.
    """
    first: dict[str, int] = {}
    for item, hashes in enumerate(items):
        for one in hashes:
            first.setdefault(one, item)
    found = {}
    for row, hashes in enumerate(rows):
        shared = [first[one] for one in hashes if one in first]
        if shared:
            found[row] = Overlap(min(shared), "has the image file of")
    return found


def perceptual_overlap(
    rows: Sequence[int | None], items: Sequence[int | None], radius: int = RADIUS
) -> dict[int, Overlap]:
    """Rows whose image hash is within the radius of an item's; the nearest item, then the first, is named.

    Args:
        rows: Perceptual hash of each row's image; None is like nothing.
        items: Likewise of each item.
        radius: Differing bits, inclusive.
    """
    index = HashIndex(radius)
    for item, code in enumerate(items):
        if code is not None:
            index.add(item, code)
    found = {}
    for row, code in enumerate(rows):
        near = [] if code is None else [(bits, item) for item, bits in index.near(code)]
        if near:
            bits, item = min(near)
            found[row] = Overlap(item, f"has an image whose hash is {bits} of {BITS} bits from that of")
    return found


def semantic_overlap(rows: Vectors, items: Vectors, threshold: float = THRESHOLD) -> dict[int, Overlap]:
    """Rows whose embedding has a cosine with an item's that reaches the threshold, within a k-means cell.

    Args:
        rows: Shape (n, d), raw; a row that is not finite or zero is like nothing.
        items: Shape (m, d), raw, by the same encoder.
        threshold: Cosine, above 0.
    """
    both = np.concatenate([rows, items]) if len(items) else rows
    n = len(rows)
    names = tuple(f"{kind}{at:09}" for kind, count in (("r", n), ("i", len(items))) for at in range(count))
    cells = semantic_cells(both, names)
    there = usable_vectors(both)
    found = {}
    for cell in np.unique(cells[n:][there[n:]]):
        inside = np.flatnonzero((cells == cell) & there)
        pool, bench = inside[inside < n], inside[inside >= n]
        if not len(pool):
            continue
        known = unit_vectors(both[bench])
        for start in range(0, len(pool), 1024):
            part = pool[start : start + 1024]
            cosines = unit_vectors(both[part]) @ known.T
            best = np.argmax(cosines, axis=1)
            for place in np.flatnonzero(cosines[np.arange(len(part)), best] >= threshold):
                cosine = float(cosines[place, best[place]])
                how = f"has an image embedding of cosine {cosine:.3f} with that of"
                found[int(part[place])] = Overlap(int(bench[best[place]]) - n, how)
    return found


def text_overlap(
    rows: Sequence[str],
    items: Sequence[Sequence[str]],
    *,
    n: int = NGRAM,
    share: float = SHARE,
    common: int = COMMON,
) -> dict[int, Overlap]:
    """Rows that have most word n-grams of a text of an item; case, spacing and punctuation do not count.

    Args:
        rows: The text of each row.
        items: The texts of each item: a question with each of its answers, or captions.
        n: Words of an n-gram.
        share: Share of a text's n-grams that a row must have.
        common: Different texts of the pool up to which an n-gram that they share counts.
    """
    texts = [(item, set(_ngrams(text, n))) for item, several in enumerate(items) for text in several]
    wanted = {gram for _, grams in texts for gram in grams}
    having: dict[str, list[int]] = {}
    for row, text in enumerate(rows):
        having.setdefault(text, []).append(row)
    shared = {text: wanted.intersection(_ngrams(text, n)) for text in having}
    counts: dict[tuple[str, ...], int] = {}
    for grams in shared.values():
        for gram in grams:
            counts[gram] = counts.get(gram, 0) + 1
    by_gram: dict[tuple[str, ...], list[int]] = {}
    sizes = []
    for number, (_, grams) in enumerate(texts):
        kept = [gram for gram in grams if counts.get(gram, 0) <= common]
        sizes.append(len(kept))
        for gram in kept:
            if gram in counts:
                by_gram.setdefault(gram, []).append(number)
    found: dict[int, Overlap] = {}
    for text, grams in shared.items():
        hits: dict[int, int] = {}
        for gram in grams:
            for number in by_gram.get(gram, ()):
                hits[number] = hits.get(number, 0) + 1
        fits = [
            (-hit / sizes[number], number) for number, hit in hits.items() if hit >= share * sizes[number]
        ]
        if fits:
            part, number = min(fits)
            how = f"has {-part:.0%} of the {n}-word sequences of a text of"
            found |= {row: Overlap(texts[number][0], how) for row in having[text]}
    return found


def _ngrams(text: str, n: int) -> Iterator[tuple[str, ...]]:
    words = [word for word in split_words(text) if any(map(str.isalnum, word))]
    return zip(*(words[start:] for start in range(n)), strict=False)
