"""What pickers share: quality on one scale, and the neighbour graph as a symmetric matrix."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering import KnnGraph
from finegold.errors import ConfigError
from finegold.selection.pool import Pool

BLOCK = 2**23
"""Numbers gathered at once."""


def unit_quality(quality: Floats) -> Floats:
    """Scale quality to [0, 1] between the worst and the best row; a constant one becomes 1.

    Pickers that multiply by quality need it not to be negative; this shift also makes them indifferent to the
    scale that a quality comes in.
    """
    if not len(quality) or quality.max() == quality.min():
        return np.ones(len(quality))
    scaled: Floats = (quality - quality.min()) / (quality.max() - quality.min())
    return scaled


def need_graph(pool: Pool) -> KnnGraph:
    """The pool's graph; raises ConfigError without one."""
    if pool.graph is None:
        raise ConfigError("this picker needs the neighbour graph of the images; embed the images first")
    return pool.graph


def need_embeddings(pool: Pool) -> Vectors:
    """The pool's embeddings; raises ConfigError without any."""
    if pool.embeddings is None:
        raise ConfigError("this picker needs image embeddings; embed the images first")
    return pool.embeddings


def kernel_edges(graph: KnnGraph, gamma: float = 1.0) -> Any:
    """Gaussian similarities of neighbours: exp(-gamma · d² / m), m the median squared distance of edges.

    Returns:
        scipy CSR matrix (n, n), symmetric: an edge is there if either row names the other. No diagonal.
    """
    there = graph.neighbours >= 0
    squares = np.square(graph.distances)
    middle = float(np.median(squares[there])) if there.any() else 1.0
    weights = np.exp(-gamma * squares / (middle if middle > 0 else 1.0))
    return _symmetric(graph, weights)


def cosine_edges(graph: KnnGraph, embeddings: Vectors) -> Any:
    """Cosines of neighbours, negative ones as 0; otherwise as `kernel_edges`."""
    return _symmetric(graph, np.maximum(edge_cosines(graph, embeddings), 0))


def edge_cosines(graph: KnnGraph, embeddings: Vectors) -> Floats:
    """Cosine of every row with each of its neighbours, shape (n, k); NaN where there is no neighbour."""
    units = unit_rows(embeddings)
    cosines = np.full(graph.neighbours.shape, np.nan)
    step = max(1, BLOCK // max(1, graph.neighbours.shape[1] * units.shape[1]))
    for start in range(0, len(units), step):
        here = slice(start, start + step)
        pairs = np.einsum("id,ikd->ik", units[here], units[graph.neighbours[here]], dtype=np.float64)
        cosines[here] = np.where(graph.neighbours[here] >= 0, pairs, np.nan)
    return cosines


def unit_rows(embeddings: Vectors) -> Vectors:
    """Scale rows to length one; a row of zeros stays."""
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    units: Vectors = (embeddings / np.where(norms > 0, norms, 1)).astype(np.float32, copy=False)
    return units


def blocks(embeddings: Vectors) -> Iterator[slice]:
    """Slices of rows that together make up the whole, so that work on copies needs little memory."""
    step = max(1, BLOCK // max(1, embeddings.shape[1]))
    for start in range(0, len(embeddings), step):
        yield slice(start, start + step)


def _symmetric(graph: KnnGraph, weights: Floats) -> Any:
    from scipy.sparse import csr_array

    n = len(graph)
    there = graph.neighbours >= 0
    columns = graph.neighbours[there].astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int32)
    directed = csr_array((weights[there], columns, starts), shape=(n, n))
    matrix = directed.maximum(directed.T).tocsr()
    matrix.sort_indices()
    return matrix


def neighbours_of(matrix: Any, row: int) -> tuple[Ints, Floats]:
    """Columns and values of one row of a CSR matrix."""
    here = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return matrix.indices[here], matrix.data[here]
