"""Semantic duplicates: embeddings that point the same way (SemDeDup, Abbas et al. 2023, arXiv 2303.09540).

Rows are compared within k-means cells, so the cost is the sum of the squared cell sizes instead of the
square of the pool; pairs on two sides of a cell's border are missed. SemDeDup keeps the row farthest from
the cell's centre; here the best row stays.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from finegold.arrays import Ints, Vectors
from finegold.clustering import kmeans
from finegold.dedup.duplicates import Duplicates, Keys, by_question
from finegold.run import TextColumn

THRESHOLD = 0.95
CELL = 1000
_SAMPLE = 50
_BLOCK = 4_000_000  # similarities at a time: 16 MB


def semantic_cells(embeddings: Vectors, ids: Sequence[str], *, cell: int = CELL, seed: int = 0) -> Ints:
    """Divide rows into cells of about `cell` rows by spherical k-means; the row order does not matter.

    The means are found on 50 rows a cell; every row then goes to the nearest. Above a million rows cells
    grow as the square root of the pool, so that the whole grows as its power of 1.5.

    Args:
        embeddings: Shape (n, d); a row that is not finite or zero goes to cell -1, where nothing is compared.
        ids: The n sample ids, each once.
        cell: Smallest average number of rows per cell.
        seed: Seed of the sample and the starting points.

    Returns:
        The cell of each row, shape (n,).
    """
    rows = TextColumn(ids).order()
    rows = rows[usable_vectors(embeddings)[rows]]
    cells = np.full(len(embeddings), -1, dtype=np.int64)
    if not len(rows):
        return cells
    clusters = math.ceil(len(rows) / max(cell, math.isqrt(len(rows))))
    size = min(len(rows), _SAMPLE * clusters)
    sample = np.sort(np.random.default_rng(seed).choice(len(rows), size, replace=False))
    chosen = unit_vectors(embeddings[rows[sample]])
    labels = kmeans(chosen, clusters, spherical=True, seed=seed).labels
    sums = np.zeros((labels.max() + 1, chosen.shape[1]), dtype=np.float32)
    np.add.at(sums, labels, chosen)
    means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    block = max(1, _BLOCK // len(means))
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        cells[part] = np.argmax(unit_vectors(embeddings[part]) @ means.T, axis=1)
    return cells


def semantic_duplicates(
    embeddings: Vectors,
    cells: Ints,
    order: Ints,
    threshold: float = THRESHOLD,
    questions: Keys | None = None,
) -> Duplicates:
    """Keep a row unless a better row of its cell stays whose cosine with it reaches the threshold.

    Args:
        embeddings: Shape (n, d), raw; a row that is not finite or zero has no duplicates.
        cells: Shape (n,): rows are compared within a cell; negative: not at all.
        order: The rows to compare, best first (`best_first`).
        threshold: Cosine, above 0. What is a duplicate depends on the encoder: look at a few groups.
        questions: See `perceptual_duplicates`.
    """
    rows, asked = by_question(order, questions)
    there = usable_vectors(embeddings)[rows] & (cells[rows] >= 0)
    rows, asked = rows[there], asked[there]
    # A stable sort keeps best first within each cell of a question.
    by_cell = np.lexsort((cells[rows], asked))
    rows, asked = rows[by_cell], asked[by_cell]
    new = (asked[1:] != asked[:-1]) | (cells[rows[1:]] != cells[rows[:-1]])
    starts = np.concatenate([[0], np.flatnonzero(new) + 1, [len(rows)]])
    found = [np.empty((3, 0))]
    for cell in np.flatnonzero(np.diff(starts) > 1):
        members = rows[starts[cell] : starts[cell + 1]]
        pairs = np.array(_greedy(unit_vectors(embeddings[members]), threshold), np.float64).reshape(-1, 3).T
        if pairs.size:
            removed, because_of = members[pairs[:2].astype(np.int64)]
            found.append(np.stack([removed, because_of, np.maximum(0.0, 1.0 - pairs[2])]))
    removed, because_of, distance = np.concatenate(found, axis=1)
    pair = removed.astype(np.int64), because_of.astype(np.int64)
    return Duplicates.of(order, *pair, distance, "semantic")


def usable_vectors(embeddings: Vectors) -> npt.NDArray[np.bool_]:
    """Whether each vector is finite and not zero, shape (n,)."""
    usable = np.empty(len(embeddings), np.bool_)
    step = max(1, _BLOCK // max(1, embeddings.shape[1]))
    for start in range(0, len(embeddings), step):
        some = embeddings[start : start + step]
        usable[start : start + step] = np.isfinite(some).all(axis=1) & (some != 0).any(axis=1)
    return usable


def unit_vectors(vectors: Vectors) -> Vectors:
    """Vectors of length 1, float32; none may be zero."""
    wide = vectors.astype(np.float64)
    unit: Vectors = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _greedy(unit: Vectors, threshold: float) -> list[tuple[int, int, float]]:
    """Duplicates in one cell, rows best first, as (row, kept row, cosine)."""
    found = []
    kept = np.empty(0, dtype=np.int64)
    block = max(1, min(1024, _BLOCK // len(unit)))
    for start in range(0, len(unit), block):
        rows = np.arange(start, min(start + block, len(unit)))
        if len(kept):
            cosines = unit[rows] @ unit[kept].T
            gone = (cosines >= threshold).any(axis=1)
            nearest = np.argmax(cosines >= threshold, axis=1)  # the first, so the best
            for place in np.flatnonzero(gone):
                best = nearest[place]
                found.append((int(rows[place]), int(kept[best]), float(cosines[place, best])))
            rows = rows[~gone]
        within = unit[rows] @ unit[rows].T
        stays = np.ones(len(rows), dtype=bool)
        for better, worse in np.argwhere(np.triu(within >= threshold, k=1)):
            if stays[better] and stays[worse]:
                stays[worse] = False
                found.append((int(rows[worse]), int(rows[better]), float(within[better, worse])))
        kept = np.concatenate([kept, rows[stays]])
    return found
