"""The pool: what allocators and pickers choose from."""

from dataclasses import dataclass

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering import KnnGraph


@dataclass(frozen=True, slots=True)
class Pool:
    """Usable rows in canonical order, sorted by id, so that nothing depends on file order and ties go to the lower id.

    Attributes:
        ids: The n sample ids, sorted.
        quality: Shape (n,), higher is better, no NaN.
        labels: Shape (n,), cluster of each row, 0-based.
        embeddings: Shape (n, d), raw; None if no step embedded the images.
        graph: k-nearest-neighbour graph of the rows; None if no picker asked for one.
    """

    ids: tuple[str, ...]
    quality: Floats
    labels: Ints
    embeddings: Vectors | None = None
    graph: KnnGraph | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.ids)
