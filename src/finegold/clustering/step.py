"""Cluster the rows of a dataset, in any order, with or without an image."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from finegold.arrays import Vectors
from finegold.clustering.graph import KnnGraph, Metric
from finegold.clustering.kmeans import kmeans
from finegold.clustering.knn import finite_flags
from finegold.clustering.result import Clustering
from finegold.clustering.spectral import spectral
from finegold.errors import ConfigError
from finegold.run import TextColumn

Method = Literal["spectral", "kmeans", "spherical-kmeans"]


def cluster_rows(
    ids: Sequence[str],
    embeddings: Vectors,
    *,
    method: Method = "spectral",
    clusters: int = 10,
    neighbours: int = 10,
    metric: Metric = "euclidean",
    seed: int = 0,
    graph: KnnGraph | None = None,
    overwrite: bool = False,
) -> Clustering:
    """Cluster rows by their image embeddings; the labels do not depend on the order of the rows.

    Args:
        ids: The n distinct sample ids.
        embeddings: Shape (n, d); a row with any NaN has no image. Those rows form one cluster, the last.
        method: `spectral` on the neighbour graph (the paper's), `kmeans`, or `spherical-kmeans` (rows scaled
            to one).
        clusters: Number of clusters among the rows with an image.
        neighbours: Neighbours a row, itself counted; `spectral` only.
        metric: Distance of the neighbour graph; `spectral` only.
        seed: Seed of everything random.
        graph: Neighbour graph of the rows that have an image, sorted by id, if it is there already;
            `spectral` only.
        overwrite: Whether `embeddings` may be changed; with rows that are sorted by id it saves a copy.

    Returns:
        Labels in the order of `ids`.

    Raises:
        ConfigError: If a parameter is out of range or ids repeat.
    """
    if len(ids) != len(embeddings):
        raise ConfigError(
            f"found {len(ids)} ids and {len(embeddings)} embeddings, expected one of each a row"
        )
    names = TextColumn(ids)
    if twice := names.repeated():
        raise ConfigError(f"{twice} ids are repeated, expected distinct ids: number the rows instead")
    if clusters < 1:
        raise ConfigError(f"found {clusters} clusters, expected at least 1: give more")
    if method == "spectral" and neighbours < 2:
        raise ConfigError(
            f"found {neighbours} neighbours, expected at least 2, the row itself counted: give more"
        )
    order = names.order()
    has_image = finite_flags(embeddings)[order]
    with_image = order[has_image]
    as_given = len(with_image) == len(ids) and bool((with_image == np.arange(len(ids))).all())
    points = embeddings if as_given else embeddings[with_image]
    if method == "spectral":
        inner = spectral(
            points, clusters=clusters, neighbours=neighbours, metric=metric, seed=seed, graph=graph
        )
    else:
        inner = kmeans(
            points,
            clusters,
            spherical=method == "spherical-kmeans",
            seed=seed,
            overwrite=overwrite or not as_given,
        )
    labels = np.empty(len(ids), dtype=np.int64)
    labels[with_image] = inner.labels
    without = order[~has_image]
    labels[without] = len(inner.sizes)
    sizes = np.append(inner.sizes, len(without)) if len(without) else inner.sizes
    note = inner.note
    if len(without):
        said = f"{len(without)} rows have no image and form cluster {len(inner.sizes)}."
        note = f"{note} {said}".strip()
    return replace(inner, labels=labels, sizes=sizes.astype(np.int64), note=note)
