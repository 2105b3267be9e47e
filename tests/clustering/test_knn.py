import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering import KnnGraph, knn_graph
from finegold.clustering.gpu import has_cuvs
from finegold.clustering.knn import nearest_landmarks
from finegold.errors import ConfigError, DataError, MissingExtraError, ModelError


def brute_force(points: Vectors, k: int) -> tuple[Ints, Floats]:
    gaps = points[:, None, :].astype(np.float64) - points[None, :, :]
    distances = np.sqrt((gaps**2).sum(axis=2))
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 90),
    d=st.integers(1, 9),
    k=st.integers(1, 12),
    rows=st.integers(1, 90),
    levels=st.sampled_from([2, 3, 1000]),
    offset=st.sampled_from([0.0, 5000.0]),
    seed=st.integers(0, 2**16),
)
def test_exact_search_is_float64_brute_force(
    n: int, d: int, k: int, rows: int, levels: int, offset: float, seed: int
) -> None:
    """Few levels make ties and duplicates; a large offset costs float32 digits."""
    points = (np.random.default_rng(seed).integers(0, levels, (n, d)) / 8 + offset).astype(np.float32)
    graph = knn_graph(points, k, block_bytes=4 * n * rows)
    neighbours, distances = brute_force(points, min(k, n - 1))
    np.testing.assert_array_equal(graph.neighbours, neighbours)
    np.testing.assert_allclose(graph.distances, distances, rtol=1e-12)


def test_a_duplicated_row_is_never_its_own_neighbour() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 60, axis=0)
    for graph in (knn_graph(points, 7, method="exact"), knn_graph(points, 7, method="faiss")):
        assert (graph.neighbours != np.arange(180)[:, None]).all()
        assert (graph.distances == 0).all()


def test_cosine_compares_directions() -> None:
    points = np.array([[1, 0], [100, 1], [0, 1], [0, 0.5]], dtype=np.float32)
    graph = knn_graph(points, 1, metric="cosine")
    assert graph.neighbours[:, 0].tolist() == [1, 0, 3, 2]
    cosine = 100 / np.hypot(100, 1)
    assert 1 - graph.distances[0, 0] ** 2 / 2 == pytest.approx(cosine, abs=1e-6)


def test_the_index_finds_nearly_the_exact_neighbours_and_says_that_it_was_used() -> None:
    pytest.importorskip("faiss")
    random = np.random.default_rng(0)
    centres = random.normal(size=(30, 16)) * 3
    points = (centres[random.integers(0, 30, 3000)] + random.normal(size=(3000, 16))).astype(np.float32)
    exact = knn_graph(points, 10, method="exact")
    fast = knn_graph(points, 10, method="faiss")
    assert (exact.method, fast.method) == ("exact", "faiss-ivfpq")
    shared = [len(set(a) & set(b)) for a, b in zip(exact.neighbours, fast.neighbours, strict=True)]
    assert np.mean(shared) > 9.5
    assert (np.diff(fast.distances, axis=1) >= 0).all()


def test_the_nearest_of_some_rows_is_found_with_and_without_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    some, points = (random.standard_normal((n, 8), dtype=np.float32) for n in (400, 300))
    expected = ((points[:, None] - some[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert nearest_landmarks(some, points).tolist() == expected.tolist()
    monkeypatch.setattr("finegold.clustering.knn.EXACT_ROWS", 100)
    assert (nearest_landmarks(some, points) == expected).mean() > 0.95


def test_rows_that_are_not_numbers_are_refused_with_their_count() -> None:
    points = np.ones((5, 3), dtype=np.float32)
    points[[1, 3], 0] = np.nan
    with pytest.raises(DataError, match="2 of 5"):
        knn_graph(points, 2)
    with pytest.raises(ConfigError, match="at least 1"):
        knn_graph(np.ones((5, 3), dtype=np.float32), 0)


def test_a_restricted_graph_keeps_the_inner_edges_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finegold.clustering.graph.BLOCK", 2)
    graph = KnnGraph(
        np.array([[1, 2], [2, 0], [0, 3], [2, 1]]),
        np.array([[1.0, 2.0], [1.5, 2.0], [1.0, 3.0], [3.0, 4.0]]),
    )
    inner = graph.restrict(np.array([3, 1, 2]))
    assert inner.neighbours.tolist() == [[2, 1], [2, -1], [0, -1]]
    assert inner.distances.tolist() == [[3.0, 4.0], [1.5, np.inf], [3.0, np.inf]]
    strange = graph.restrict(np.array([-1, 1, 2]))
    assert strange.neighbours.tolist() == [[-1, -1], [2, -1], [-1, -1]]


def test_short_codes_propose_nearly_the_exact_neighbours_of_wide_rows() -> None:
    pytest.importorskip("faiss")
    random = np.random.default_rng(0)
    inner = random.normal(size=(20, 8))[random.integers(0, 20, 1500)] * 2 + random.normal(size=(1500, 8))
    for width in (40, 301):  # of an odd width, and of more than codes are made of, principal components
        noise = random.normal(size=(1500, width)) / 10
        points = (inner @ random.normal(size=(8, width)) + noise + 50).astype(np.float32)
        exact, fast = knn_graph(points, 10, method="exact"), knn_graph(points, 10, method="faiss")
        shared = [len(set(a) & set(b)) for a, b in zip(exact.neighbours, fast.neighbours, strict=True)]
        assert np.mean(shared) > 9.8
    copies = np.repeat(random.normal(size=(15, 40)), 100, axis=0).astype(np.float32)
    graph = knn_graph(copies, 7, method="faiss")
    assert (graph.neighbours != np.arange(1500)[:, None]).all()
    assert (graph.distances == 0).all()


def made_in_float32(points: Vectors, k: int) -> tuple[Vectors, Ints]:
    """As a GPU gives them: the nearest by float32 distance, the row itself among them, ties in any order."""
    squares = np.einsum("ij,ij->i", points, points)
    near = squares[:, None] + squares[None] - 2 * points @ points.T
    rows = np.argsort(near[:, ::-1], axis=1)[:, :k]
    return np.take_along_axis(near[:, ::-1], rows, axis=1), len(points) - 1 - rows


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 90),
    d=st.integers(1, 9),
    k=st.integers(1, 12),
    levels=st.sampled_from([1, 2, 3, 1000]),
    offset=st.sampled_from([0.0, 5000.0]),
    seed=st.integers(0, 2**16),
)
def test_what_a_gpu_proposes_is_decided_as_the_exact_search_decides(
    n: int, d: int, k: int, levels: int, offset: float, seed: int
) -> None:
    points = (np.random.default_rng(seed).integers(0, levels, (n, d)) / 8 + offset).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("finegold.clustering.knn.nearest_on_gpu", made_in_float32)
        graph = knn_graph(points, k, method="cuvs")
    neighbours, distances = brute_force(points, min(k, n - 1))
    np.testing.assert_array_equal(graph.neighbours, neighbours)
    np.testing.assert_allclose(graph.distances, distances, rtol=1e-12)


@pytest.mark.skipif(not has_cuvs(), reason="needs a GPU and the extra cuvs")
def test_a_gpu_gives_the_exact_graph() -> None:
    points = np.random.default_rng(0).standard_normal((3000, 64), dtype=np.float32)
    points[100:200] = points[0]
    exact, found = (knn_graph(points, 10, method=method) for method in ("exact", "cuvs"))
    np.testing.assert_array_equal(found.neighbours, exact.neighbours)
    np.testing.assert_array_equal(found.distances, exact.distances)


@pytest.mark.skipif(has_cuvs(), reason="there is a GPU with cuvs")
def test_without_a_gpu_a_sentence_says_what_to_do() -> None:
    points = np.zeros((5, 3), dtype=np.float32)
    with pytest.raises((MissingExtraError, ModelError), match=r"finegold\[cuvs\]|CUDA_VISIBLE_DEVICES"):
        knn_graph(points, 2, method="cuvs")
