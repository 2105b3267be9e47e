"""Spectral clustering of a neighbour graph, as InstructionGPT-4 does it (arXiv 2308.12067, via scikit-learn).

The affinity W = (A + Aᵀ) / 2 of the unit-weight k-NN graph is normalised to D^-1/2 W D^-1/2, and Lanczos
finds its largest eigenvalues. Those are the smallest of the Laplacian that scikit-learn factorises; without
the factorisation a million rows take seconds rather than never ending.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering.graph import KnnGraph, Metric
from finegold.clustering.knn import finite_rows, knn_graph, nearest_landmarks
from finegold.clustering.result import Clustering, renumber

DENSE_ROWS = 200
"""Up to this many rows all eigenvectors are computed at once; Lanczos needs more rows than vectors."""
LANDMARK_ROWS = 2_000_000
"""Above this many rows a quarter of so many are clustered, and every other row joins its nearest."""
MAX_NEIGHBOURS = 80
"""How far the number of neighbours is raised when the graph falls into too many pieces."""


def spectral(
    embeddings: Vectors,
    *,
    clusters: int = 10,
    neighbours: int = 10,
    metric: Metric = "euclidean",
    seed: int = 0,
    graph: KnnGraph | None = None,
    most: int = LANDMARK_ROWS,
) -> Clustering:
    """Cluster rows by the leading eigenvectors of their neighbour graph.

    The same partition as scikit-learn's `SpectralClustering(clusters, affinity="nearest_neighbors",
    n_neighbors=neighbours, random_state=seed)`, whose neighbour count includes the row itself: each row has
    `neighbours - 1` others.

    A graph with more connected components than clusters has no answer: its leading eigenvectors are an
    arbitrary mixture. Then the number of neighbours is doubled until there are no more components than
    clusters, at most to 80 (groups of duplicates join up this way); if there still are, the components are
    grouped by k-means of their means. `components` and `note` say so.

    Of more than `most` rows, `most` / 4 are drawn and clustered. Every other row gets the label of the one
    that is nearest to it. `note` says so.

    Args:
        embeddings: Shape (n, d), finite, rows sorted by id.
        clusters: Number of clusters; a pool of no more rows makes every row a cluster.
        neighbours: Neighbours a row, itself counted.
        metric: `euclidean` on raw embeddings is the paper's form.
        seed: Seed of the Lanczos start and of k-means on the eigenvectors.
        graph: The same rows' graph if it is there already, with at least `neighbours - 1` neighbours a row
            and the same metric; searched otherwise.
        most: Rows up to which the graph is that of all rows.

    Raises:
        ConfigError: If `neighbours` is below 2.
        DataError: If an embedding is not finite.
    """
    n = len(embeddings)
    if n > most:
        return _by_landmarks(embeddings, most // 4, clusters, neighbours, metric, seed)
    parameters: dict[str, Any] = {
        "clusters": clusters,
        "neighbours": neighbours,
        "metric": metric,
        "seed": seed,
    }
    if n <= clusters:
        labels, sizes = renumber(np.arange(n))
        note = (
            f"{clusters} clusters were asked for and there are {n} rows: each is its own."
            if n < clusters
            else ""
        )
        return Clustering(labels, sizes, "spectral", parameters, None, np.empty(0), note)
    wanted = min(neighbours - 1, n - 1)
    if graph is None or graph.metric != metric or graph.neighbours.shape[1] < wanted:
        graph = knn_graph(embeddings, neighbours - 1, metric=metric, seed=seed)
    parameters["search"] = graph.method
    affinity, components, membership = _affinity(graph.first(neighbours - 1))
    used = neighbours
    pieces = components
    while pieces > clusters and used < min(MAX_NEIGHBOURS, n):
        used = min(used * 2, MAX_NEIGHBOURS, n)
        wider = knn_graph(embeddings, used - 1, metric=metric, seed=seed)
        affinity, pieces, membership = _affinity(wider)
    if pieces > clusters:
        labels, sizes = renumber(_group_pieces(embeddings, membership, pieces, clusters, seed))
        note = (
            f"The graph of {neighbours} neighbours has {components} separate pieces, more than "
            f"{clusters} clusters, and {pieces} are left with {used}: they were grouped by k-means of means."
        )
        return Clustering(labels, sizes, "spectral", parameters, components, np.ones(clusters), note)
    note = ""
    if used != neighbours:
        note = (
            f"The graph of {neighbours} neighbours has {components} separate pieces, more than "
            f"{clusters} clusters, so {used} neighbours were used."
        )
    eigenvalues, assigned = _partition(affinity, membership, clusters, seed)
    labels, sizes = renumber(assigned)
    return Clustering(labels, sizes, "spectral", parameters, components, eigenvalues, note)


def _by_landmarks(
    embeddings: Vectors, number: int, clusters: int, neighbours: int, metric: Metric, seed: int
) -> Clustering:
    """Cluster some rows, and give each of the others the label of its nearest."""
    n = len(embeddings)
    landmarks = np.sort(np.random.default_rng(seed).choice(n, number, replace=False))
    points = finite_rows(embeddings, metric)
    some = points[landmarks]
    inner = spectral(some, clusters=clusters, neighbours=neighbours, metric=metric, seed=seed, most=number)
    labels, sizes = renumber(inner.labels[nearest_landmarks(some, points, seed)])
    said = (
        f"{number:,} of the {n:,} rows, drawn with the seed {seed}, were clustered; every other row is in "
        "the cluster of the one that is nearest to it."
    )
    return replace(
        inner,
        labels=labels,
        sizes=sizes,
        parameters={**inner.parameters, "landmarks": number},
        note=f"{said} {inner.note}".strip(),
    )


def _affinity(graph: KnnGraph) -> tuple[Any, int, Ints]:
    """Symmetric unit-weight adjacency (n, n) as CSR, its number of components, and each row's component."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n, k = graph.neighbours.shape
    rows = np.repeat(np.arange(n), k)
    directed = csr_array((np.full(n * k, 0.5), (rows, graph.neighbours.ravel())), shape=(n, n))
    affinity = (directed + directed.T).tocsr()
    components, membership = connected_components(affinity, directed=False)
    return affinity, int(components), membership.astype(np.int64)


def _partition(affinity: Any, membership: Ints, clusters: int, seed: int) -> tuple[Floats, Ints]:
    """Leading eigenvalues of the normalised affinity, and k-means of the rows of its eigenvectors."""
    from scipy.sparse import diags_array
    from sklearn.cluster import k_means

    n = affinity.shape[0]
    degrees = np.sqrt(affinity.sum(axis=1))
    normalised = diags_array(1 / degrees) @ affinity @ diags_array(1 / degrees)
    # scikit-learn draws its Lanczos start and then its k-means starts from one generator; so do we.
    random = np.random.RandomState(seed)
    start = random.uniform(-1, 1, n)
    if n <= DENSE_ROWS:
        values, vectors = np.linalg.eigh(normalised.toarray())
        values, vectors = values[-clusters:], vectors[:, -clusters:]
    else:
        values, vectors = _largest(normalised, degrees, membership, clusters, start)
    order = np.argsort(-values)
    values, vectors = values[order], vectors[:, order]
    rows = vectors / degrees[:, None]
    largest = np.argmax(np.abs(rows), axis=0)
    rows = rows * np.sign(rows[largest, np.arange(clusters)])
    _, assigned, _ = k_means(rows, clusters, random_state=random, n_init=10)
    return values, assigned.astype(np.int64)


def _largest(
    normalised: Any, degrees: Floats, membership: Ints, count: int, start: Floats
) -> tuple[Floats, Floats]:
    """The `count` largest eigenvalues and their vectors, of which there are at least as many as components.

    Lanczos sees one vector of a repeated eigenvalue and finds the others late or never, and every component
    repeats the eigenvalue 1. Their vectors are known, so they are taken out: D^1/2 on a component, 0
    elsewhere.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import LinearOperator, eigsh

    n = len(degrees)
    pieces = int(membership.max()) + 1
    known = csr_array((degrees, (np.arange(n), membership)), shape=(n, pieces))
    lengths = np.sqrt(np.bincount(membership, weights=degrees**2))
    known = csr_array(known / lengths)
    if pieces == count:
        return np.ones(pieces), known.toarray()

    def without_known(x: Floats) -> Floats:
        # Moves the eigenvalue 1 to -1, the lowest there can be.
        result: Floats = normalised @ x - 2 * (known @ (known.T @ x))
        return result

    operator = LinearOperator((n, n), matvec=without_known, dtype=np.float64)
    values, vectors = eigsh(operator, k=count - pieces, which="LA", v0=start - known @ (known.T @ start))
    return np.append(np.ones(pieces), values), np.hstack([known.toarray(), vectors])


def _group_pieces(embeddings: Vectors, membership: Ints, pieces: int, clusters: int, seed: int) -> Ints:
    """Cluster the graph's components by k-means of their means, each weighing as many as it has rows."""
    from sklearn.cluster import KMeans

    sizes = np.bincount(membership, minlength=pieces)
    means = np.zeros((pieces, embeddings.shape[1]))
    np.add.at(means, membership, embeddings.astype(np.float64))
    means /= sizes[:, None]
    model = KMeans(clusters, random_state=seed, n_init=10).fit(means, sample_weight=sizes)
    labels: Ints = model.labels_[membership].astype(np.int64)
    return labels
