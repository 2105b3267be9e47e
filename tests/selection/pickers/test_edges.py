import numpy as np

from finegold.clustering import knn_graph
from finegold.selection.pickers.edges import cosine_edges, edge_cosines, kernel_edges, unit_quality

POINTS = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
GRAPH = knn_graph(POINTS, 4)


def test_kernel_edges_join_rows_that_either_names() -> None:
    edges = kernel_edges(GRAPH, gamma=2.0).toarray()
    middle = np.median(GRAPH.distances**2)
    for i in range(30):
        for j in range(30):
            near = j in GRAPH.neighbours[i] or i in GRAPH.neighbours[j]
            square = ((POINTS[i].astype(np.float64) - POINTS[j]) ** 2).sum()
            assert np.isclose(edges[i, j], np.exp(-2 * square / middle) if near else 0, atol=1e-12)


def test_a_restricted_graph_has_only_its_own_edges() -> None:
    kept = np.arange(0, 30, 2)
    edges = cosine_edges(GRAPH.restrict(kept), POINTS[kept]).toarray()
    whole = cosine_edges(GRAPH, POINTS).toarray()
    np.testing.assert_allclose(edges, whole[np.ix_(kept, kept)], atol=1e-6)
    cosines = edge_cosines(GRAPH.restrict(kept), POINTS[kept])
    np.testing.assert_array_equal(np.isnan(cosines), GRAPH.restrict(kept).neighbours < 0)


def test_unit_quality() -> None:
    assert unit_quality(np.array([-2.0, 0, 2])).tolist() == [0, 0.5, 1]
    assert unit_quality(np.array([-2.0, -2])).tolist() == [1, 1]
