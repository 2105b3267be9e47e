"""The k nearest neighbours of every row: exact, or from a FAISS index where that would take too long."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering.graph import KnnGraph, Metric
from finegold.errors import ConfigError, DataError
from finegold.extras import require

EXACT_ROWS = 20_000
"""Above this many rows, and with `faiss` installed, the search is approximate by default."""
BLOCK_BYTES = 64 * 2**20
CHUNK = 65_536
"""Rows whose nearest are looked up in an index at a time."""
SPARE = 24
"""Candidates beyond k that the float32 search hands to the float64 one."""


def knn_graph(
    embeddings: Vectors,
    k: int,
    *,
    metric: Metric = "euclidean",
    method: Literal["auto", "exact", "faiss"] = "auto",
    seed: int = 0,
    block_bytes: int = BLOCK_BYTES,
) -> KnnGraph:
    """Find the k nearest other rows of every row.

    Distances are float64. The exact search gives what a float64 brute force gives, whatever the block size: a
    float32 product proposes candidates, its rounding error is bounded, and everything within that bound is
    compared in float64. Equal distances go to the lower index, so duplicated rows are safe: a row is never
    its own neighbour. Memory is linear in n.

    Args:
        embeddings: Shape (n, d), finite.
        k: Neighbours a row; n - 1 of them if there are fewer.
        metric: `cosine` scales every row to length one first; a row of zeros stays as it is.
        method: `auto` is exact up to 20,000 rows or without the extra `fast`; else FAISS, an inverted file
            over about 4·sqrt(n) cells of which 16 are probed, whose candidates are then compared in float64.
        seed: For the FAISS index.
        block_bytes: Size of the block of float32 products held at once.

    Raises:
        ConfigError: If k < 1.
        DataError: If an embedding is not finite.
        MissingExtraError: If the method is `faiss` and it is not installed.
    """
    if k < 1:
        raise ConfigError(f"found {k} neighbours for a graph, expected at least 1: give more")
    points = finite_rows(embeddings, metric)
    n = len(points)
    k = min(k, max(n - 1, 0))
    if n < 2:
        return KnnGraph(np.empty((n, 0), dtype=np.int64), np.empty((n, 0)), metric)
    approximate = method == "faiss" or (
        method == "auto" and n > EXACT_ROWS and find_spec("faiss") is not None
    )
    if approximate:
        neighbours, distances = _faiss_search(points, k, seed, block_bytes)
        return KnnGraph(neighbours, distances, metric, "faiss-ivf")
    neighbours, distances = _exact_graph(points, k, block_bytes)
    return KnnGraph(neighbours, distances, metric)


def nearest_landmarks(some: Vectors, points: Vectors, seed: int = 0) -> Ints:
    """The row of `some`, shape (m, d), that is nearest to each of `points`, shape (n, d).

    Above `EXACT_ROWS` rows to choose from, and with `faiss`, the search is approximate.
    """
    nearest = np.empty(len(points), np.int64)
    index = _faiss_index(some, seed) if len(some) > EXACT_ROWS and find_spec("faiss") is not None else None
    squares = np.einsum("ij,ij->i", some, some)
    step = max(1, BLOCK_BYTES // (4 * len(some)))
    if index is not None:
        nearest[:] = np.concatenate(
            [
                index.search(points[start : start + CHUNK], 1)[1][:, 0]
                for start in range(0, len(points), CHUNK)
            ]
        )
    left = np.arange(len(points)) if index is None else np.flatnonzero(nearest < 0)
    for start in range(0, len(left), step):
        rows = left[start : start + step]
        nearest[rows] = np.argmin(squares - 2 * (points[rows] @ some.T), axis=1)
    return nearest


def finite_rows(embeddings: Vectors, metric: Metric) -> Vectors:
    """Check that the rows are finite and scale them to length one for `cosine`; float32, shape (n, d)."""
    points = np.ascontiguousarray(embeddings, dtype=np.float32)
    if points.ndim != 2:
        raise DataError(f"found embeddings of shape {points.shape}, expected a matrix (rows, width)")
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points).all(axis=1)).sum())
        raise DataError(f"{bad} of {len(points)} embeddings hold NaN or infinity: exclude those rows first")
    if metric == "cosine":
        norms = np.linalg.norm(points.astype(np.float64), axis=1, keepdims=True)
        points = (points / np.where(norms > 0, norms, 1.0)).astype(np.float32)
    return points


@dataclass(frozen=True)
class _Shifted:
    """Rows whose squared distances are computed by float32 products, with a bound on their rounding.

    Attributes:
        rows: The rows, moved so that their mean is 0: distances stay, and rounding errors shrink.
        squares: Squared length of each.
        slack: Bound on the rounding of |x|² + |y|² - 2xy in float32, with a wide margin over the usual
            sqrt(d) growth.
    """

    rows: Vectors
    squares: Vectors
    slack: Floats

    @classmethod
    def of(cls, points: Vectors) -> "_Shifted":
        rows = points - points.mean(axis=0, dtype=np.float64).astype(np.float32)
        squares = np.einsum("ij,ij->i", rows, rows)
        reach = np.sqrt(squares.astype(np.float64))
        slack = np.finfo(np.float32).eps * 8 * (np.sqrt(rows.shape[1]) + 2) * (reach + reach.max()) ** 2
        return cls(rows, squares, slack)

    def distances(self, some: Ints | slice, others: Ints | slice) -> Vectors:
        """Squared distances of some rows to others, about."""
        block: Vectors = self.rows[some] @ self.rows[others].T
        block *= -2
        block += self.squares[others]
        block += self.squares[some, None]
        return block


def _exact_graph(points: Vectors, k: int, block_bytes: int) -> tuple[Ints, Floats]:
    """Nearest k of all other points for each; a product serves the rows on both of its sides."""
    n = len(points)
    shifted = _Shifted.of(points)
    width = min(k + SPARE, n - 1)
    near = np.full((n, width), np.inf, np.float32)
    who = np.zeros((n, width), np.int32)
    side = max(width + 1, int(np.sqrt(block_bytes / 4)))
    tiles = [slice(start, min(start + side, n)) for start in range(0, n, side)]
    for at, some in enumerate(tiles):
        for others in tiles[at:]:
            block = shifted.distances(some, others)
            if some == others:
                np.fill_diagonal(block, np.inf)
            else:
                _keep_nearest(near[others], who[others], block.T, some.start)
            _keep_nearest(near[some], who[some], block, others.start)
    neighbours = np.empty((n, k), dtype=np.int64)
    distances = np.empty((n, k))
    step = max(1, block_bytes // (8 * points.shape[1] * width))
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        # What lies beyond the k-th nearest by more than rounding can explain is no neighbour.
        ordered = np.argsort(near[rows], axis=1, kind="stable")
        found = np.take_along_axis(near[rows], ordered, axis=1)
        limit = found[:, k - 1].astype(np.float64) + 2 * shifted.slack[rows]
        close = np.count_nonzero(found <= limit[:, None], axis=1)
        most = int(close.max())
        candidates = np.take_along_axis(who[rows], ordered[:, :most], axis=1).astype(np.int64)
        neighbours[rows], distances[rows] = _nearest(points, rows, candidates, k)
        if width < n - 1 and (unsure := np.flatnonzero(close == width)).size:
            lost = rows[unsure]
            neighbours[lost], distances[lost] = _exact_search(points, lost, k, block_bytes)
    return neighbours, distances


def _keep_nearest(near: Vectors, who: npt.NDArray[np.int32], block: Vectors, first: int) -> None:
    """Merge the distances of a block, whose columns begin at row `first`, into the nearest so far."""
    width = near.shape[1]
    if block.shape[1] > width:
        best = np.argpartition(block, width - 1, axis=1)[:, :width]
        block = np.take_along_axis(block, best, axis=1)
    else:
        best = np.broadcast_to(np.arange(block.shape[1]), block.shape)
    both = np.hstack([near, block])
    names = np.hstack([who, (best + first).astype(np.int32)])
    kept = np.argpartition(both, width - 1, axis=1)[:, :width]
    near[:] = np.take_along_axis(both, kept, axis=1)
    who[:] = np.take_along_axis(names, kept, axis=1)


def _exact_search(points: Vectors, queries: Ints, k: int, block_bytes: int) -> tuple[Ints, Floats]:
    """Nearest k of all points for the rows `queries`."""
    n = len(points)
    shifted = _Shifted.of(points)
    candidates_a_row = min(k + SPARE, n - 1)
    neighbours = np.empty((len(queries), k), dtype=np.int64)
    distances = np.empty((len(queries), k))
    step = max(1, block_bytes // (4 * n))
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        block = shifted.distances(rows, slice(None))
        block[np.arange(len(rows)), rows] = np.inf
        if candidates_a_row < n - 1:
            candidates = np.argpartition(block, candidates_a_row, axis=1)[:, :candidates_a_row]
        else:
            candidates = np.argsort(block, axis=1)[:, :candidates_a_row]
        found, exact = _nearest(points, rows, candidates, k)
        limit = exact[:, -1] ** 2 + shifted.slack[rows]
        unsure = np.count_nonzero(block <= limit[:, None], axis=1) > candidates_a_row
        for at in np.flatnonzero(unsure):
            within = np.flatnonzero(block[at] <= limit[at])[None, :]
            found[at], exact[at] = (part[0] for part in _nearest(points, rows[at : at + 1], within, k))
        neighbours[start : start + len(rows)] = found
        distances[start : start + len(rows)] = exact
    return neighbours, distances


def _nearest(points: Vectors, rows: Ints, candidates: Ints, k: int) -> tuple[Ints, Floats]:
    """The k nearest of each row's candidates, by float64 distance and then by index."""
    candidates = np.sort(candidates, axis=1).astype(np.int64)
    distances = pair_distances(points, rows, candidates)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(candidates, order, axis=1), np.take_along_axis(distances, order, axis=1)


def pair_distances(points: Vectors, rows: Ints, others: Ints) -> Floats:
    """Euclidean distances in float64 from each of `rows` (m,) to its own `others` (m, c)."""
    result = np.empty(others.shape)
    step = max(1, BLOCK_BYTES // (8 * points.shape[1] * max(others.shape[1], 1)))
    for start in range(0, len(rows), step):
        here = slice(start, start + step)
        gaps = points[others[here]].astype(np.float64) - points[rows[here], None, :]
        result[here] = np.sqrt(np.einsum("ijk,ijk->ij", gaps, gaps))
    return result


def _faiss_index(points: Vectors, seed: int) -> Any:
    faiss = require("faiss", extra="fast", why="an approximate neighbour search")
    n, d = points.shape
    cells = max(1, min(int(4 * np.sqrt(n)), n // 40))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, cells)
    index.cp.seed = seed
    index.cp.max_points_per_centroid = 64
    index.train(points)
    index.add(points)
    index.nprobe = min(cells, 16)
    return index


def _faiss_search(points: Vectors, k: int, seed: int, block_bytes: int) -> tuple[Ints, Floats]:
    index = _faiss_index(points, seed)
    n, d = points.shape
    _, raw = index.search(points, k + 1)
    found: npt.NDArray[np.int64] = raw.astype(np.int64)
    own = found == np.arange(n)[:, None]
    # More than k duplicates can push a row out of its own answer: then its last neighbour goes instead.
    own[~own.any(axis=1), -1] = True
    candidates = found[~own].reshape(n, k)
    short = np.flatnonzero((candidates < 0).any(axis=1))
    candidates[short] = 0
    neighbours = np.empty((n, k), dtype=np.int64)
    distances = np.empty((n, k))
    step = max(1, block_bytes // (8 * d * k))
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        neighbours[rows], distances[rows] = _nearest(points, rows, candidates[rows], k)
    if len(short):
        neighbours[short], distances[short] = _exact_search(points, short, k, block_bytes)
    return neighbours, distances
