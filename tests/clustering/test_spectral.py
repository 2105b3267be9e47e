import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

from finegold.arrays import Ints, Vectors
from finegold.clustering import knn_graph, spectral
from finegold.clustering.graph import Metric


def blobs(groups: int, rows: int, *, apart: float, seed: int = 0, d: int = 8) -> tuple[Vectors, Ints]:
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(groups, dtype=np.int64), rows)
    points = random.normal(size=(groups, d))[truth] * apart + random.normal(size=(groups * rows, d))
    return points.astype(np.float32), truth


def agreement_with_scikit_learn(points: Vectors) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = SpectralClustering(10, affinity="nearest_neighbors", n_neighbors=10, random_state=0)
        return float(adjusted_rand_score(peer.fit_predict(points), spectral(points).labels))


def test_same_partition_as_scikit_learn_on_generated_rows() -> None:
    points, _ = blobs(12, 80, apart=1.2)
    assert agreement_with_scikit_learn(points) >= 0.99


def test_same_partition_as_scikit_learn_on_one_graph_with_repeated_rows() -> None:
    """Repeated rows tie, and scikit-learn breaks such ties by row order: so both get the same graph."""
    points, _ = blobs(12, 60, apart=1.2, seed=1)
    points = np.concatenate([points, points[:300], points[:100]])
    adjacency = np.zeros((len(points), len(points)))
    np.put_along_axis(adjacency, knn_graph(points, 9).neighbours, 1, axis=1)
    peer = SpectralClustering(10, affinity="precomputed", random_state=0)
    theirs = peer.fit_predict(0.5 * (adjacency + adjacency.T))
    assert adjusted_rand_score(theirs, spectral(points).labels) >= 0.99


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_many_rows_are_clustered_by_landmarks_and_the_note_says_so(metric: Metric) -> None:
    points, _ = blobs(8, 250, apart=2.5, d=16)
    every = spectral(points, clusters=8, metric=metric)
    some = spectral(points, clusters=8, metric=metric, most=1_999)
    assert adjusted_rand_score(every.labels, some.labels) >= 0.95
    assert some.note.startswith(
        "499 of the 2,000 rows, drawn with the seed 0, were clustered; every other row"
    )
    assert some.parameters["landmarks"] == 499
    assert some.sizes.tolist() == np.bincount(some.labels).tolist()
    assert every.note == spectral(points, clusters=8, metric=metric, most=2_000).note == ""


@pytest.mark.parametrize("pieces", [2, 9, 10])
def test_same_partition_as_scikit_learn_on_a_graph_in_pieces(pieces: int) -> None:
    """Every piece repeats the eigenvalue 1, which Lanczos alone does not find again."""
    points, truth = blobs(pieces, 150, apart=60)
    result = spectral(points)
    assert result.components == pieces
    assert result.note == ""
    assert (result.eigenvalues > 0.999).sum() == pieces
    assert agreement_with_scikit_learn(points) >= 0.99
    if pieces == 10:
        assert adjusted_rand_score(truth, result.labels) == 1


def test_same_partition_as_scikit_learn_on_published_image_features(shared: Path) -> None:
    torch = pytest.importorskip("torch")
    file = shared / "reference" / "instructiongpt4" / "all_image_matrix.pt"
    features = torch.load(file, weights_only=True, map_location="cpu")
    points = np.asarray(features, dtype=np.float32)
    assert len(points) == 3439
    assert agreement_with_scikit_learn(points) >= 0.99


def test_a_graph_that_is_there_gives_the_same_labels() -> None:
    points, _ = blobs(6, 80, apart=1.5)
    shared_graph = knn_graph(points, 15)
    np.testing.assert_array_equal(spectral(points, graph=shared_graph).labels, spectral(points).labels)


def test_groups_of_duplicates_join_when_neighbours_are_raised() -> None:
    points, truth = blobs(2, 150, apart=4)
    repeated = np.concatenate([points, *[np.tile(points[i], (14, 1)) for i in range(0, 300, 25)]])
    truth = np.concatenate([truth, np.repeat(truth[::25], 14)])
    result = spectral(repeated, clusters=2)
    assert result.components is not None
    assert result.components > 2
    assert "so 20 neighbours were used" in result.note or "so 40 neighbours were used" in result.note
    assert adjusted_rand_score(truth, result.labels) > 0.95


def test_separate_pieces_are_grouped_and_said() -> None:
    random = np.random.default_rng(3)
    supers = np.array([[0.0, 0], [1000, 0], [0, 1000]])
    truth = np.repeat(np.arange(12) % 3, 100)
    centres = (supers[np.arange(12) % 3] + random.normal(size=(12, 2)) * 100)[np.repeat(np.arange(12), 100)]
    points = (centres + random.normal(size=(1200, 2))).astype(np.float32)
    result = spectral(points, clusters=3)
    assert result.components == 12
    assert "grouped by k-means" in result.note
    assert adjusted_rand_score(truth, result.labels) == 1
    np.testing.assert_array_equal(result.labels, spectral(points, clusters=3).labels)


@pytest.mark.parametrize("n", [0, 1, 3, 10])
def test_no_more_rows_than_clusters(n: int) -> None:
    points, _ = blobs(max(n, 1), 1, apart=1)
    result = spectral(points[:n], clusters=10)
    assert result.labels.tolist() == list(range(n))
    assert bool(result.note) == (n < 10)


def test_identical_rows_are_one_cluster() -> None:
    assert spectral(np.ones((40, 4), dtype=np.float32), clusters=5).sizes.sum() == 40


def test_eigenvalues_show_the_number_of_groups() -> None:
    points, _ = blobs(4, 120, apart=2.5, d=16)
    values = spectral(points, clusters=8).eigenvalues
    assert (np.diff(values) <= 1e-12).all()
    assert np.argmax(-np.diff(values)) == 3
