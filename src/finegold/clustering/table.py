"""The run folder's cluster and graph tables: each made once for its embeddings and parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finegold.arrays import Ints, Vectors
from finegold.clustering.graph import KnnGraph, Metric
from finegold.clustering.knn import finite_flags, knn_graph
from finegold.clustering.spectral import LANDMARK_ROWS
from finegold.clustering.step import Method, cluster_rows
from finegold.encoders.step import embeddings_of
from finegold.run import (
    Columns,
    PartTable,
    RunFolder,
    TextColumn,
    fill_once,
    read_record,
    read_sealed,
    write_record,
    write_sealed,
)
from finegold.run.cards import card

VERSION = 2
"""Raised when the same embeddings and parameters would give other labels or neighbours."""
NEIGHBOURS = 10
"""Neighbours a row in the graph that clustering and the pickers share."""
SUMMARY = "summary.json"
PARAMETERS = ("method", "clusters", "neighbours", "seed")
CLUSTER_SCHEMA = pa.schema([("sample_id", pa.string()), ("cluster", pa.int64())])
GRAPH_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("neighbours", pa.list_(pa.int64())),
        ("distances", pa.list_(pa.float64())),
    ]
)


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """A clustering in a few numbers; the attributes are those of `Clustering`."""

    sizes: tuple[int, ...]
    components: int | None
    eigenvalues: tuple[float, ...]
    note: str


@dataclass(frozen=True, slots=True)
class ClusterTable:
    """Labels as the run folder holds them.

    Attributes:
        ids: The sample ids, in dataset order.
        numbers: Shape (n,), the cluster of each.
        parameters: Method and everything else that the labels depend on.
        summary: The clustering in a few numbers.
        table: The table that holds the labels.
    """

    ids: TextColumn
    numbers: Ints
    parameters: dict[str, Any]
    summary: ClusterSummary
    table: PartTable

    def of(self, ids: Sequence[str]) -> Ints:
        """The cluster of each of some of these ids."""
        found: Ints = self.numbers[self.ids.find(ids)]
        return found

    @property
    def labels(self) -> dict[str, int]:
        """Cluster of each sample id, for a run of few rows."""
        return dict(zip(self.ids, self.numbers.tolist(), strict=True))

    def to_pandas(self) -> Any:
        """Id and cluster of each row as a pandas frame."""
        return self.table.to_pandas()

    def _repr_html_(self) -> str:
        facts = {"rows": f"{sum(self.summary.sizes):,}", "note": self.summary.note or "none"}
        sizes = [(cluster, f"{size:,}") for cluster, size in enumerate(self.summary.sizes)]
        return card(self.table.folder.name, facts, ("cluster", "rows"), sizes)


@dataclass(frozen=True, slots=True)
class GraphTable:
    """A neighbour graph and whose rows it joins.

    Attributes:
        ids: Ids of the rows that have an image, sorted.
        graph: The graph of those rows, in that order.
    """

    ids: TextColumn
    graph: KnnGraph


def cluster_run(
    run: RunFolder,
    embeddings: PartTable,
    *,
    method: Method = "spectral",
    clusters: int = 10,
    neighbours: int = 10,
    seed: int = 0,
) -> ClusterTable:
    """Cluster a finished embedding table, or read the labels if that was done before.

    Raises:
        ConfigError: If a parameter is out of range.
        RunError: If the embeddings are not finished.
    """
    parameters: dict[str, Any] = {"method": method, "clusters": clusters, "seed": seed}
    if method == "spectral":
        parameters["neighbours"] = neighbours
    table = run.table("clusters", method, parameters | _depends(embeddings), CLUSTER_SCHEMA)

    def make() -> Columns:
        ids, vectors = read_embeddings(embeddings, by_id=True)
        graph = None
        if method == "spectral" and len(ids) <= LANDMARK_ROWS:
            graph = graph_run(run, embeddings, neighbours=max(neighbours - 1, NEIGHBOURS)).graph
        result = cluster_rows(
            ids,
            vectors,
            method=method,
            clusters=clusters,
            neighbours=neighbours,
            seed=seed,
            graph=graph,
            overwrite=True,
        )
        eigenvalues = tuple(round(float(value), 9) for value in result.eigenvalues)
        summary = ClusterSummary(tuple(result.sizes.tolist()), result.components, eigenvalues, result.note)
        write_record(table.folder / SUMMARY, summary)
        return {"sample_id": ids.array.cast(pa.string()), "cluster": result.labels}

    return read_clusters(fill_once(run, table, make, step="cluster"))


def read_clusters(table: PartTable) -> ClusterTable:
    """Read a finished cluster table."""
    rows = table.read()
    parameters = {name: table.parameters[name] for name in PARAMETERS if name in table.parameters}
    advice = f"delete {table.folder} and cluster again"
    summary = read_record(table.folder / SUMMARY, ClusterSummary, advice=advice)
    return ClusterTable(TextColumn(rows["sample_id"]), rows["cluster"].to_numpy(), parameters, summary, table)


def read_embeddings(table: PartTable, *, by_id: bool = False) -> tuple[TextColumn, Vectors]:
    """Ids and vectors, shape (n, d), of a finished embedding table; besides them one part is in memory.

    Args:
        table: The table.
        by_id: Sort the rows by id; else they are in dataset order.
    """
    ids = TextColumn(table.read(["sample_id"])["sample_id"])
    order = ids.order() if by_id else np.arange(len(ids))
    places = np.empty_like(order)
    places[order] = np.arange(len(ids))
    vectors: Vectors = np.empty((len(ids), 0), np.float32)
    start = 0
    for part in table.parts(["embedding"]):
        if not len(part):
            continue
        some = embeddings_of(part)
        if not vectors.shape[1]:
            vectors = np.empty((len(ids), some.shape[1]), some.dtype)
        vectors[places[start : start + len(some)]] = some
        start += len(some)
    return ids.take(order), vectors


def graph_run(
    run: RunFolder,
    embeddings: PartTable,
    *,
    neighbours: int = NEIGHBOURS,
    metric: Metric = "euclidean",
    seed: int = 0,
) -> GraphTable:
    """Search the neighbours of a finished embedding table, or read them if that was done before.

    Args:
        run: The run.
        embeddings: Finished table; its rows of NaN have no image and are not in the graph.
        neighbours: Neighbours a row, itself not counted.
        metric: How rows are compared.
        seed: Seed of an approximate search.

    Raises:
        RunError: If the embeddings are not finished.
    """
    parameters = {"neighbours": neighbours, "metric": metric, "seed": seed}
    table = run.table("graphs", metric, parameters | _depends(embeddings), GRAPH_SCHEMA)

    def make() -> Columns:
        ids, vectors = read_embeddings(embeddings, by_id=True)
        rows = np.flatnonzero(finite_flags(vectors))
        ids, vectors = ids.take(rows), vectors if len(rows) == len(vectors) else vectors[rows]
        graph = knn_graph(vectors, neighbours, metric=metric, seed=seed)
        write_sealed(table.folder / "method.json", {"method": graph.method})
        lists = {"neighbours": _lists(graph.neighbours), "distances": _lists(graph.distances)}
        return {"sample_id": ids.array.cast(pa.string()), **lists}

    rows = fill_once(run, table, make, step="graph").read()
    method = read_sealed(table.folder / "method.json")["method"]
    n = len(rows)
    shape = (n, -1) if n else (0, 0)
    nearest = rows["neighbours"].combine_chunks().flatten().to_numpy().reshape(shape)
    distances = rows["distances"].combine_chunks().flatten().to_numpy().reshape(shape)
    return GraphTable(TextColumn(rows["sample_id"]), KnnGraph(nearest, distances, metric, method))


def _depends(embeddings: PartTable) -> dict[str, Any]:
    """The parameters of a table that depends on embeddings."""
    data = embeddings.parameters["data"]
    return {"version": VERSION, "data": data, "embeddings": embeddings.fingerprint}


def _lists(matrix: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> pa.Array:
    n, k = matrix.shape
    return pa.ListArray.from_arrays(np.arange(n + 1, dtype=np.int32) * np.int32(k), matrix.ravel())
