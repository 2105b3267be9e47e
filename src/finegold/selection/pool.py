"""The pool: what allocators and pickers choose from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering import KnnGraph
from finegold.run import TextColumn


@dataclass(frozen=True, slots=True)
class Pool:
    """Usable rows sorted by id: nothing depends on file order, and ties go to the lower id.

    Attributes:
        ids: The n sample ids, sorted.
        quality: Shape (n,), higher is better, no NaN.
        labels: Shape (n,), the part (cluster, or score stratum) of each row, 0-based.
        embeddings: Shape (n, d), raw, finite; None if no step embedded the images.
        graph: k-nearest-neighbour graph of the rows; None if no picker asked for one.
        indicators: Shape (n, m), normalised, NaN where an indicator does not apply to a row; None without
            any.
        targets: Shape (t, d), embeddings of the examples to move towards; None without any.
        groups: Shape (n,), the group of each row (source, kind, ...), 0-based; None without groups.
        pinned: Positions of the rows that the user chose: no picker chooses them again.
    """

    ids: Sequence[str]
    quality: Floats
    labels: Ints
    embeddings: Vectors | None = None
    graph: KnnGraph | None = None
    indicators: Floats | None = None
    targets: Vectors | None = None
    groups: Ints | None = None
    pinned: tuple[int, ...] = ()

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.quality)

    def sizes(self) -> Ints:
        """Rows in each part, shape (highest label + 1,)."""
        return np.bincount(self.labels).astype(np.int64)

    def subset(self, indices: Ints) -> "Pool":
        """The rows `indices` (distinct), in that order; the graph keeps the edges among them."""
        if len(indices) == len(self) and bool((indices == np.arange(len(self))).all()):
            return self
        return Pool(
            TextColumn(self.ids).take(indices),
            self.quality[indices],
            self.labels[indices],
            None if self.embeddings is None else self.embeddings[indices],
            None if self.graph is None else self.graph.restrict(indices),
            None if self.indicators is None else self.indicators[indices],
            self.targets,
            None if self.groups is None else self.groups[indices],
            tuple(np.flatnonzero(np.isin(indices, self.pinned)).tolist()) if self.pinned else (),
        )


def by_quality(quality: Floats) -> Ints:
    """Row indices from the best to the worst, ties by index: with rows sorted by id, by id."""
    return np.argsort(-quality, kind="stable").astype(np.int64)
