"""The k nearest neighbours of every row: exact, or from a FAISS index where that would take too long.

The exact search takes its candidates from products of the processor, or from a GPU by cuVS.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from finegold.arrays import Flags, Floats, Ints, Vectors
from finegold.clustering.approximate import CANDIDATES, ApproximateIndex, has_faiss
from finegold.clustering.gpu import has_cuvs, nearest_on_gpu
from finegold.clustering.graph import KnnGraph, Metric
from finegold.errors import ConfigError, DataError

EXACT_ROWS = 20_000
"""Above this many rows a GPU with cuVS searches; else, with `faiss` installed, the search is approximate."""
BLOCK_BYTES = 64 * 2**20
CHECKED = 16_384
"""Rows that are checked and scaled at a time."""
SPARE = 24
"""Candidates beyond k that the float32 search hands to the float64 one."""


def knn_graph(
    embeddings: Vectors,
    k: int,
    *,
    metric: Metric = "euclidean",
    method: Literal["auto", "exact", "faiss", "cuvs"] = "auto",
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
        method: `auto` is exact up to 20,000 rows, or without the extras `cuvs` and `fast`. Beyond that it is
            `cuvs` if a GPU is there, which proposes candidates for the same exact graph. Else it is FAISS, an
            inverted file of four-bit codes over about 4·sqrt(n) cells of which 64 are probed. Of the 60 or
            more rows that it proposes the nearest are then found by their true distances.
        seed: For the FAISS index.
        block_bytes: Size of the block of float32 products held at once.

    Raises:
        ConfigError: If k < 1.
        DataError: If an embedding is not finite.
        MissingExtraError: If the method is `faiss` or `cuvs` and it is not installed.
        ModelError: If the GPU cannot do it.
    """
    if k < 1:
        raise ConfigError(f"found {k} neighbours for a graph, expected at least 1: give more")
    points = finite_rows(embeddings, metric)
    n = len(points)
    k = min(k, max(n - 1, 0))
    if n < 2:
        return KnnGraph(np.empty((n, 0), dtype=np.int64), np.empty((n, 0)), metric)
    if method == "auto":
        many = n > EXACT_ROWS
        method = "cuvs" if many and has_cuvs() else "faiss" if many and has_faiss() else "exact"
    if method == "faiss":
        neighbours, distances = _faiss_search(points, k, seed, block_bytes)
        return KnnGraph(neighbours, distances, metric, "faiss-ivfpq")
    neighbours, distances = _exact_graph(points, k, block_bytes, on_gpu=method == "cuvs")
    return KnnGraph(neighbours, distances, metric)


def nearest_landmarks(some: Vectors, points: Vectors, seed: int = 0) -> Ints:
    """The row of `some`, shape (m, d), that is nearest to each of `points`, shape (n, d).

    Above `EXACT_ROWS` rows to choose from, and with `faiss`, the search is approximate.
    """
    nearest = np.full(len(points), -1, np.int64)
    if len(some) > EXACT_ROWS and has_faiss():
        for here, found in ApproximateIndex.of(some, seed).search(points, 20, 1):
            nearest[here] = found[:, 0]
    left = np.flatnonzero(nearest < 0)
    squares = np.einsum("ij,ij->i", some, some)
    step = max(1, BLOCK_BYTES // (4 * len(some)))
    for start in range(0, len(left), step):
        rows = left[start : start + step]
        nearest[rows] = np.argmin(squares - 2 * (points[rows] @ some.T), axis=1)
    return nearest


def finite_rows(embeddings: Vectors, metric: Metric, *, overwrite: bool = False) -> Vectors:
    """Check that the rows are finite and scale them to length one for `cosine`; float32, shape (n, d).

    Args:
        embeddings: Shape (n, d).
        metric: `euclidean` leaves the rows as they are.
        overwrite: Whether `embeddings` may be scaled in place.
    """
    points = np.ascontiguousarray(embeddings, dtype=np.float32)
    if points.ndim != 2:
        raise DataError(f"found embeddings of shape {points.shape}, expected a matrix (rows, width)")
    if bad := int((~finite_flags(points)).sum()):
        raise DataError(f"{bad} of {len(points)} embeddings hold NaN or infinity: exclude those rows first")
    if metric == "euclidean":
        return points
    scaled = points if overwrite else np.empty_like(points)
    for start in range(0, len(points), CHECKED):
        some = points[start : start + CHECKED].astype(np.float64)
        norms = np.linalg.norm(some, axis=1, keepdims=True)
        scaled[start : start + CHECKED] = some / np.where(norms > 0, norms, 1.0)
    return scaled


def finite_flags(embeddings: Vectors) -> Flags:
    """Whether each row is finite, shape (n,)."""
    flags = np.empty(len(embeddings), np.bool_)
    for start in range(0, len(embeddings), CHECKED):
        flags[start : start + CHECKED] = np.isfinite(embeddings[start : start + CHECKED]).all(axis=1)
    return flags


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


def _exact_graph(points: Vectors, k: int, block_bytes: int, *, on_gpu: bool) -> tuple[Ints, Floats]:
    """Nearest k of all other points for each."""
    n = len(points)
    shifted = _Shifted.of(points)
    width = min(k + SPARE, n - 1)
    near, who = _proposed_by_gpu(shifted, width) if on_gpu else _proposed(shifted, width, block_bytes)
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


def _proposed(shifted: _Shifted, width: int, block_bytes: int) -> tuple[Vectors, npt.NDArray[np.int32]]:
    """Squared distances of the `width` nearest of each row, and which; a product serves both of its sides."""
    n = len(shifted.rows)
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
    return near, who


def _proposed_by_gpu(shifted: _Shifted, width: int) -> tuple[Vectors, npt.NDArray[np.int32]]:
    """The same from a GPU, where a row is among its own nearest unless too many others equal it."""
    near, who = nearest_on_gpu(shifted.rows, width + 1)
    near[who == np.arange(len(who))[:, None]] = np.inf
    first = np.argsort(near, axis=1, kind="stable")[:, :width]
    nearest: Vectors = np.take_along_axis(near, first, axis=1)
    return nearest, np.take_along_axis(who, first, axis=1).astype(np.int32)


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
    """The k nearest of each row's candidates, by float64 distance and then by index; -1 is none."""
    candidates = np.sort(candidates, axis=1).astype(np.int64)
    distances = pair_distances(points, rows, candidates)
    distances[candidates < 0] = np.inf
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


def _faiss_search(points: Vectors, k: int, seed: int, block_bytes: int) -> tuple[Ints, Floats]:
    n = len(points)
    neighbours = np.empty((n, k), dtype=np.int64)
    distances = np.empty((n, k))
    short: list[Ints] = []
    # A few more than k, since the float32 order of the last may be another; the row itself is among them.
    for here, found in ApproximateIndex.of(points, seed).search(points, max(CANDIDATES, 3 * k), k + 5):
        rows = np.arange(here.start, here.stop)
        found[found == rows[:, None]] = -1
        found = np.take_along_axis(found, np.argsort(found < 0, axis=1, kind="stable"), axis=1)
        short.append(rows[found[:, k - 1] < 0])
        neighbours[here], distances[here] = _nearest(points, rows, found, k)
    lost = np.concatenate(short)
    if len(lost):
        neighbours[lost], distances[lost] = _exact_search(points, lost, k, block_bytes)
    return neighbours, distances
