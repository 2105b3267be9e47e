from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from finegold.arrays import Vectors
from finegold.clustering import knn_graph, spectral
from finegold.clustering.table import cluster_run, graph_run
from finegold.errors import RunError
from finegold.run import PartTable, RunFolder

SCHEMA = pa.schema([("sample_id", pa.string()), ("embedding", pa.list_(pa.float32()))])
POINTS = np.random.default_rng(0).normal(size=(240, 5)).astype(np.float32)


def embeddings_in(run: RunFolder, points: Vectors, *, parts: int = 2) -> PartTable:
    table = run.table("embeddings", "made-up", {"data": "d"}, SCHEMA)
    ids = [f"row {i}" for i in range(len(points))]
    for part in range(parts):
        here = slice(part * len(points) // parts, (part + 1) * len(points) // parts)
        table.write(part, {"sample_id": ids[here], "embedding": list(points[here])})
    table.finish(parts)
    return table


def test_searched_once_and_read_back_as_it_was(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {"path": "data"})
    points = POINTS.copy()
    points[::9] = np.nan
    table = embeddings_in(run, points)
    first, again = graph_run(run, table), graph_run(run, table)
    order = sorted((f"row {i}", i) for i in range(240) if i % 9)
    assert first.ids == again.ids == tuple(name for name, _ in order)
    expected = knn_graph(points[[i for _, i in order]], 10)
    for found in (first.graph, again.graph):
        np.testing.assert_array_equal(found.neighbours, expected.neighbours)
        np.testing.assert_array_equal(found.distances, expected.distances)
        assert found.method == "exact"
    events = (run.path / "events.jsonl").read_text(encoding="utf-8")
    assert events.count('"end", "step": "graph"') == 1


def test_clustering_uses_it_and_gives_the_same_labels(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {"path": "data"})
    clusters = cluster_run(run, embeddings_in(run, POINTS), clusters=4)
    assert len(run.tables("graphs")) == 1
    order = sorted(range(240), key=lambda i: f"row {i}")
    expected = spectral(POINTS[order], clusters=4).labels
    assert [clusters.labels[f"row {i}"] for i in order] == expected.tolist()


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_images(tmp_path: Path, rows: int) -> None:
    run = RunFolder.create(tmp_path / "run", {"path": "data"})
    points = np.full((3, 2), np.nan, dtype=np.float32)
    points[:rows] = 1
    result = graph_run(run, embeddings_in(run, points, parts=1))
    assert len(result.ids) == rows
    assert result.graph.neighbours.shape == (rows, 0)


def test_embeddings_that_are_not_finished(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {"path": "data"})
    table = run.table("embeddings", "made-up", {"data": "d"}, SCHEMA)
    with pytest.raises(RunError, match="not finished"):
        graph_run(run, table)
