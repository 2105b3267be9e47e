"""The rows that a scorer learns from which judges a row beside the others."""

from collections.abc import Sequence
from heapq import heappush, heapreplace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from finegold.arrays import Ints, Vectors
from finegold.encoders.step import embeddings_of
from finegold.errors import RunError
from finegold.run import PartTable
from finegold.samples import Dataset, Sample
from finegold.samples.sample import Pair
from finegold.scorers.base import Corpus
from finegold.scorers.references import REFERENCES
from finegold.scorers.statements import id_digest

CORPUS_ROWS = 50_000
"""Rows that such a scorer learns from, at most."""
_Row: TypeAlias = tuple[str, Sequence[Pair], str]
"""Id, pairs and source."""


def read_corpus(
    dataset: Dataset,
    usable: npt.NDArray[np.bool_],
    embeddings: PartTable | None,
    most: int = CORPUS_ROWS,
) -> Corpus:
    """The usable rows whose ids have the smallest hashes, in dataset order: all of up to `most`.

    With embeddings, so many rows with an image are among them as there are reference images. The dataset is
    streamed, and no more rows are held.

    Raises:
        RunError: If other shards have not embedded their rows.
    """
    if embeddings is not None and not embeddings.done:
        raise RunError(
            f"the scorer compares all rows, and other shards have not embedded theirs in "
            f"{embeddings.folder}: run the same command again when they have ended"
        )
    rows = (row.sample for row in dataset.rows() if usable[row.index] and row.sample is not None)
    if usable.sum() <= most:
        vectors = None if embeddings is None else embeddings_of(embeddings.read(["embedding"]))
        return _corpus([(sample.id, sample.pairs, sample.source) for sample in rows], vectors)
    shown = None if embeddings is None else _finite(embeddings)
    every, pictured = _Smallest(most), _Smallest(REFERENCES)
    for place, sample in enumerate(rows):
        digest = id_digest(sample.id)
        every.add(digest, place, sample)
        if shown is not None and shown[place]:
            pictured.add(digest, place, sample)
    kept = dict(sorted({**every.kept(), **pictured.kept()}.items()))
    vectors = None if embeddings is None else _vectors_at(embeddings, np.array(list(kept), np.int64))
    return _corpus(list(kept.values()), vectors)


def _corpus(rows: Sequence[_Row], vectors: Vectors | None) -> Corpus:
    return Corpus([row[0] for row in rows], [row[1] for row in rows], vectors, [row[2] for row in rows])


class _Smallest:
    """The rows with the smallest hashes of those that were added."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[int, int, _Row]] = []

    def add(self, digest: bytes, place: int, sample: Sample) -> None:
        """Keep a row, if its hash is among the smallest so far."""
        largest_first = -int.from_bytes(digest)
        if len(self._heap) < self._most:
            heappush(self._heap, (largest_first, place, (sample.id, sample.pairs, sample.source)))
        elif largest_first > self._heap[0][0]:
            heapreplace(self._heap, (largest_first, place, (sample.id, sample.pairs, sample.source)))

    def kept(self) -> dict[int, _Row]:
        """The rows that are kept, by their places."""
        return {place: row for _, place, row in self._heap}


def _finite(embeddings: PartTable) -> npt.NDArray[np.bool_]:
    """Whether each row of a table of embeddings has one."""
    parts = (embeddings_of(part) for part in embeddings.parts(["embedding"]))
    return np.concatenate([np.asarray(np.isfinite(part).all(axis=1)) for part in parts])


def _vectors_at(embeddings: PartTable, places: Ints) -> Vectors:
    """The embeddings of the rows at some places, ascending."""
    found, start = [], 0
    for part in embeddings.parts(["embedding"]):
        inside = places[(places >= start) & (places < start + len(part))] - start
        found.append(embeddings_of(part)[inside])
        start += len(part)
    return np.concatenate(found)
