"""k-means, plain or spherical."""

import numpy as np

from finegold.arrays import Ints, Vectors
from finegold.clustering.knn import finite_rows
from finegold.clustering.result import Clustering, renumber

FEW = 100
"""Up to this many clusters k-means starts ten times and keeps the best; above, once."""
MINI_BATCH_WORK = 2 * 10**9
"""Rows x clusters above which mini-batches are used: full passes would take hours."""


def kmeans(
    embeddings: Vectors, clusters: int, *, spherical: bool = False, seed: int = 0, overwrite: bool = False
) -> Clustering:
    """Cluster rows around means (scikit-learn's k-means++ with Lloyd or Elkan; Arthur & Vassilvitskii 2007).

    Args:
        embeddings: Shape (n, d), finite, rows sorted by id.
        clusters: Number of clusters; with fewer rows, or fewer different rows, there are fewer clusters and
            the note says so.
        spherical: Scale rows to length one first, so that directions are clustered (as COINCIDE does).
        seed: Seed of the starting points.
        overwrite: Whether `embeddings` may be changed, which saves a copy of them.

    Raises:
        DataError: If an embedding is not finite.
    """
    points = finite_rows(embeddings, "cosine" if spherical else "euclidean", overwrite=overwrite)
    parameters = {"clusters": clusters, "spherical": spherical, "seed": seed}
    overwrite = overwrite or not np.shares_memory(points, embeddings)
    labels, sizes = renumber(_assign(points, min(clusters, len(points)), seed, overwrite))
    note = ""
    if len(sizes) < clusters:
        note = (
            f"{clusters} clusters were asked for and {len(points)} rows gave {len(sizes)}: "
            "there are not more different rows."
        )
    return Clustering(labels, sizes, "kmeans", parameters, note=note)


def _assign(points: Vectors, clusters: int, seed: int, overwrite: bool) -> Ints:
    distinct = np.unique(points, axis=0, return_inverse=True) if len(points) <= clusters * 2 else None
    if distinct is not None and len(distinct[0]) <= clusters:
        return distinct[1].reshape(-1).astype(np.int64)
    import warnings

    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Fewer different rows than clusters: said in the note instead.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if len(points) * clusters > MINI_BATCH_WORK:
            model = MiniBatchKMeans(clusters, random_state=seed, n_init=1, batch_size=max(8192, 4 * clusters))
        else:
            starts = 10 if clusters <= FEW else 1
            model = KMeans(clusters, random_state=seed, n_init=starts, copy_x=not overwrite)
        labels: Ints = model.fit_predict(points).astype(np.int64)
    return labels
