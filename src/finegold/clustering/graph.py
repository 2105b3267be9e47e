"""The k-nearest-neighbour graph that clustering and most pickers share."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from finegold.arrays import Floats, Ints

Metric = Literal["euclidean", "cosine"]


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
        renumbered = np.full(len(self) + 1, -1, dtype=np.int64)
        renumbered[indices] = np.arange(len(indices))
        renumbered[-1] = -1
        known = (indices >= 0)[:, None]
        neighbours = np.where(known, renumbered[self.neighbours[indices]], -1)
        lost = neighbours < 0
        order = np.argsort(lost, axis=1, kind="stable")
        distances = np.where(lost, np.inf, self.distances[indices])
        return KnnGraph(
            np.take_along_axis(neighbours, order, axis=1),
            np.take_along_axis(distances, order, axis=1),
            self.metric,
            self.method,
        )
