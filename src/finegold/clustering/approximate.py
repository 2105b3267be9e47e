"""Candidates for the nearest rows of very many, from FAISS: an inverted file of short codes.

Product quantisation is of Jégou et al. 2011, four-bit codes compared in registers of André et al. 2017. Codes
only propose: who is nearest among the proposed rows is decided by their true distances.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from finegold.arrays import Ints, Vectors
from finegold.extras import require

PROBES = 64
"""Cells of about 4·sqrt(n) that are looked through for each row."""
CANDIDATES = 60
"""Rows that are proposed for ten neighbours."""
CHUNK = 65_536
"""Rows whose nearest are looked up at a time."""
NARROW = 32
"""Up to this width vectors are kept whole: codes of a few numbers say too little."""
WIDE = 256
"""Beyond this width, codes are made of this many principal components."""


def has_faiss() -> bool:
    """Whether the library of the index is installed."""
    return find_spec("faiss") is not None


@dataclass(frozen=True, slots=True)
class ApproximateIndex:
    """An index of n rows that proposes those near a point.

    Attributes:
        index: The FAISS index.
        points: The rows, shape (n, d), float32.
    """

    index: Any
    points: Vectors

    @classmethod
    def of(cls, points: Vectors, seed: int) -> "ApproximateIndex":
        """Learn the cells and the codes, and put the rows in.

        Raises:
            MissingExtraError: If FAISS is not installed.
        """
        faiss = require("faiss", extra="fast", why="an approximate neighbour search")
        n, d = points.shape
        cells = max(1, min(int(4 * np.sqrt(n)), n // 40))
        if d <= NARROW:
            index = faiss.index_factory(d, f"IVF{cells},Flat")
        else:
            width = min(d - d % 2, WIDE)
            reduced = f"PCA{width}," if width < d else ""
            index = faiss.index_factory(d, f"{reduced}IVF{cells},PQ{width // 2}x4fs")
        inverted = faiss.extract_index_ivf(index)
        inverted.cp.seed = seed
        inverted.cp.niter = 10
        inverted.cp.max_points_per_centroid = 64
        index.train(points)
        for start in range(0, n, CHUNK):
            index.add(points[start : start + CHUNK])
        inverted.nprobe = min(cells, PROBES)
        return cls(index, points)

    def search(self, queries: Vectors, most: int, k: int) -> Iterator[tuple[slice, Ints]]:
        """The k nearest of the `most` proposed rows of each query, in chunks of queries.

        Yields:
            Which queries, and their rows, nearest first by float32 distance; -1 where fewer were found.
        """
        for start in range(0, len(queries), CHUNK):
            here = slice(start, min(start + CHUNK, len(queries)))
            _, proposed = self.index.search(queries[here], most)
            yield here, self._nearest(queries[here], proposed, k)

    def _nearest(self, queries: Vectors, proposed: Ints, k: int) -> Ints:
        found = np.full((len(queries), k), -1, np.int64)
        step = max(1, 2**24 // (proposed.shape[1] * queries.shape[1]))
        for start in range(0, len(queries), step):
            rows = proposed[start : start + step]
            gaps = self.points[rows]
            gaps -= queries[start : start + step, None]
            squares = np.einsum("ijk,ijk->ij", gaps, gaps)
            squares[rows < 0] = np.inf
            best = np.argsort(squares, axis=1, kind="stable")[:, :k]
            found[start : start + step, : best.shape[1]] = np.take_along_axis(rows, best, axis=1)
        return found
