"""The k-nearest-neighbour graph that clustering and most pickers share."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from finegold.arrays import Floats, Ints

Metric = Literal["euclidean", "cosine"]
BLOCK = 65_536
"""Rows whose edges are renumbered at a time."""


@dataclass(frozen=True, slots=True)
class KnnGraph:
    """The k nearest neighbours of each of n rows, nearest first, without the row itself.

    Attributes:
        neighbours: Shape (n, k), row indices; -1 where a restricted graph (`restrict`) lost a neighbour.
        distances: Shape (n, k), Euclidean, non-decreasing along a row; infinite where `neighbours` is -1.
            With metric `cosine` they are between rows scaled to length one, so cosine = 1 - distance² / 2.
        metric: How the rows were compared.
        method: `exact`, or the approximate index that searched: `faiss-ivfpq`.
    """

    neighbours: Ints
    distances: Floats
    metric: Metric = "euclidean"
    method: str = "exact"

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.neighbours)

    def first(self, k: int) -> "KnnGraph":
        """The graph of the k nearest of these neighbours; the same graph if it has no more than k."""
        return KnnGraph(self.neighbours[:, :k], self.distances[:, :k], self.metric, self.method)

    def restrict(self, indices: Ints) -> "KnnGraph":
        """The graph among the rows `indices`, renumbered in that order.

        Edges that leave the set are gone: what is left of a row moves to its front, and -1 and infinity fill
        up.

        Args:
            indices: Distinct rows; -1, any number of times, stands for a row that is not in this graph and so
                has no neighbours.
        """
        if len(indices) == len(self) and bool((indices == np.arange(len(self))).all()):
            return self
        order = np.argsort(indices, kind="stable")
        ascending = indices[order]
        shape = (len(indices), self.neighbours.shape[1])
        neighbours, distances = np.empty(shape, np.int64), np.empty(shape)
        for start in range(0, len(indices), BLOCK):
            here = slice(start, start + BLOCK)
            rows = indices[here]
            wanted = np.where((rows >= 0)[:, None], self.neighbours[rows], -1)
            # A table of all rows would cost as much for a small part as for the whole.
            place = np.minimum(np.searchsorted(ascending, wanted), len(indices) - 1)
            lost = (wanted < 0) | (ascending[place] != wanted)
            first = np.argsort(lost, axis=1, kind="stable")
            inner = np.where(lost, -1, order[place])
            gaps = np.where(lost, np.inf, self.distances[rows])
            neighbours[here] = np.take_along_axis(inner, first, axis=1)
            distances[here] = np.take_along_axis(gaps, first, axis=1)
        return KnnGraph(neighbours, distances, self.metric, self.method)
