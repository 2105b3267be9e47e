"""The k-nearest-neighbour graph that clustering and most pickers share."""

from dataclasses import dataclass

from finegold.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class KnnGraph:
    """The k nearest neighbours of each of n rows, nearest first, the row itself left out.

    Attributes:
        neighbours: Shape (n, k), row indices.
        distances: Shape (n, k), Euclidean, non-decreasing along a row.
    """

    neighbours: Ints
    distances: Floats
