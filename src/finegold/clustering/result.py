"""The result of a clustering, with clusters numbered the same way every time."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from finegold.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class Clustering:
    """One cluster for every row.

    Attributes:
        labels: Shape (n,), 0-based, in the order of the rows; cluster 0 is the largest,
            clusters of one size are in the order of their first row by id. Rows without an embedding form the
            last cluster, whatever its size.
        sizes: Shape (clusters,), rows in each.
        method: `spectral` or `kmeans`.
        parameters: What the labels depend on besides the embeddings, JSON-able.
        components: Connected components of the graph before neighbours were added; None for k-means.
        eigenvalues: The largest of the normalised affinity, descending, as many as clusters; empty for
            k-means. A gap after the first few says how many groups the data has.
        note: One sentence if something was done differently from the parameters; else empty.
    """

    labels: Ints
    sizes: Ints
    method: str
    parameters: dict[str, Any]
    components: int | None = None
    eigenvalues: Floats = field(default_factory=lambda: np.empty(0))
    note: str = ""


def renumber(labels: Ints) -> tuple[Ints, Ints]:
    """Renumber clusters by size, largest first, then by their first row.

    Args:
        labels: Shape (n,), any integers, rows sorted by id.

    Returns:
        New labels from 0 without gaps, and the cluster sizes.
    """
    if not len(labels):
        return labels.astype(np.int64), np.empty(0, dtype=np.int64)
    _, first, inverse, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -counts))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[inverse], counts[order].astype(np.int64)
