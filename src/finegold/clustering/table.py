"""The run folder's cluster table: one label a sample, made once for its embeddings and parameters."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from finegold.arrays import Vectors
from finegold.clustering.graph_table import NEIGHBOURS, graph_run
from finegold.clustering.step import Method, cluster_rows
from finegold.encoders.step import embeddings_of
from finegold.run import Columns, PartTable, RunFolder, fill_once, read_record, write_record

VERSION = 1
"""Raised when the same embeddings and parameters would give other labels."""
SUMMARY = "summary.json"
PARAMETERS = ("method", "clusters", "neighbours", "seed")
SCHEMA = pa.schema([("sample_id", pa.string()), ("cluster", pa.int64())])


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
        labels: Cluster of each sample id.
        parameters: Method and everything else that the labels depend on.
        summary: The clustering in a few numbers.
        table: The table that holds the labels.
    """

    labels: dict[str, int]
    parameters: dict[str, Any]
    summary: ClusterSummary
    table: PartTable


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
    depends = {
        **parameters,
        "version": VERSION,
        "data": embeddings.parameters["data"],
        "embeddings": embeddings.fingerprint,
    }
    table = run.table("clusters", method, depends, SCHEMA)

    def make() -> Columns:
        ids, vectors = read_embeddings(embeddings)
        graph = None
        if method == "spectral":
            graph = graph_run(run, embeddings, neighbours=max(neighbours - 1, NEIGHBOURS)).graph
        result = cluster_rows(
            ids, vectors, method=method, clusters=clusters, neighbours=neighbours, seed=seed, graph=graph
        )
        eigenvalues = tuple(round(float(value), 9) for value in result.eigenvalues)
        summary = ClusterSummary(tuple(result.sizes.tolist()), result.components, eigenvalues, result.note)
        write_record(table.folder / SUMMARY, summary)
        return {"sample_id": ids, "cluster": result.labels}

    return read_clusters(fill_once(run, table, make, step="cluster"))


def read_clusters(table: PartTable) -> ClusterTable:
    """Read a finished cluster table."""
    rows = table.read()
    parameters = {name: table.parameters[name] for name in PARAMETERS if name in table.parameters}
    advice = f"delete {table.folder} and cluster again"
    summary = read_record(table.folder / SUMMARY, ClusterSummary, advice=advice)
    labels = dict(zip(rows["sample_id"].to_pylist(), rows["cluster"].to_pylist(), strict=True))
    return ClusterTable(labels, parameters, summary, table)


def read_embeddings(table: PartTable) -> tuple[list[str], Vectors]:
    """Ids and vectors, shape (n, d), of a finished embedding table, in dataset order."""
    rows = table.read(["sample_id", "embedding"])
    return rows["sample_id"].to_pylist(), embeddings_of(rows)
