"""The run folder's neighbour graph: searched once for its embeddings, read by clustering and every picker."""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from finegold.clustering.graph import KnnGraph, Metric
from finegold.clustering.knn import knn_graph
from finegold.encoders.step import embeddings_of
from finegold.run import Columns, PartTable, RunFolder, fill_once, write_json

NEIGHBOURS = 10
"""Neighbours a row in the graph that steps share."""
VERSION = 1
"""Raised when the same embeddings and parameters would give other neighbours."""
SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("neighbours", pa.list_(pa.int64())),
        ("distances", pa.list_(pa.float64())),
    ]
)


@dataclass(frozen=True, slots=True)
class GraphTable:
    """A neighbour graph and whose rows it joins.

    Attributes:
        ids: Ids of the rows that have an image, sorted.
        graph: The graph of those rows, in that order.
    """

    ids: tuple[str, ...]
    graph: KnnGraph


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
    depends = {
        "neighbours": neighbours,
        "metric": metric,
        "seed": seed,
        "version": VERSION,
        "data": embeddings.parameters["data"],
        "embeddings": embeddings.fingerprint,
    }
    table = run.table("graphs", metric, depends, SCHEMA)

    def make() -> Columns:
        columns = embeddings.read(["sample_id", "embedding"])
        ids: list[str] = columns["sample_id"].to_pylist()
        vectors = embeddings_of(columns)
        has_image = np.asarray(np.isfinite(vectors).all(axis=1))
        order = [i for i in sorted(range(len(ids)), key=ids.__getitem__) if has_image[i]]
        graph = knn_graph(vectors[order], neighbours, metric=metric, seed=seed)
        write_json(table.folder / "method.json", {"method": graph.method})
        lists = {"neighbours": _lists(graph.neighbours), "distances": _lists(graph.distances)}
        return {"sample_id": [ids[i] for i in order], **lists}

    return _read(fill_once(run, table, make, step="graph"), metric)


def _lists(matrix: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> pa.Array:
    n, k = matrix.shape
    return pa.ListArray.from_arrays(np.arange(n + 1, dtype=np.int32) * np.int32(k), matrix.ravel())


def _read(table: PartTable, metric: Metric) -> GraphTable:
    rows = table.read()
    method = json.loads((table.folder / "method.json").read_text(encoding="utf-8"))["method"]
    n = len(rows)
    shape = (n, -1) if n else (0, 0)
    neighbours = rows["neighbours"].combine_chunks().flatten().to_numpy().reshape(shape)
    distances = rows["distances"].combine_chunks().flatten().to_numpy().reshape(shape)
    return GraphTable(tuple(rows["sample_id"].to_pylist()), KnnGraph(neighbours, distances, metric, method))
