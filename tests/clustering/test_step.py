import numpy as np
import pytest

from finegold.clustering import Method, cluster_rows
from finegold.errors import ConfigError


@pytest.mark.parametrize("method", ["spectral", "kmeans", "spherical-kmeans"])
def test_labels_do_not_depend_on_the_order_of_rows(method: Method) -> None:
    random = np.random.default_rng(0)
    planted = 2 * np.repeat(np.eye(4, 6), 100, axis=0)
    points = (random.normal(size=(400, 6)) + planted).astype(np.float32)
    points[::50] = np.nan
    ids = [f"row-{i}" for i in range(400)]
    straight = cluster_rows(ids, points, method=method, clusters=5)
    shuffle = random.permutation(400)
    shuffled = cluster_rows([ids[i] for i in shuffle], points[shuffle], method=method, clusters=5)
    np.testing.assert_array_equal(shuffled.labels, straight.labels[shuffle])


def test_rows_without_an_image_form_the_last_cluster() -> None:
    points = np.full((30, 2), np.nan, dtype=np.float32)
    points[:10] = np.random.default_rng(0).normal(size=(10, 2))
    result = cluster_rows([str(i) for i in range(30)], points, method="kmeans", clusters=2)
    assert result.labels[10:].tolist() == [2] * 20
    assert result.sizes[2] == 20
    assert "20 rows have no image and form cluster 2" in result.note


def test_a_dataset_without_any_image_is_one_cluster() -> None:
    points = np.full((4, 2), np.nan, dtype=np.float32)
    assert cluster_rows(list("abcd"), points, clusters=3).labels.tolist() == [0, 0, 0, 0]


def test_clusters_of_one_size_are_numbered_by_their_smallest_id() -> None:
    points = np.array([[9.0], [0], [9], [0]], dtype=np.float32)
    result = cluster_rows(["d", "b", "c", "a"], points, method="kmeans", clusters=2)
    assert result.labels.tolist() == [1, 0, 1, 0]


def test_bad_parameters_are_named() -> None:
    points = np.ones((2, 2), dtype=np.float32)
    with pytest.raises(ConfigError, match="found 0 clusters, expected at least 1"):
        cluster_rows(["a", "b"], points, clusters=0)
    with pytest.raises(ConfigError, match="1 ids are repeated"):
        cluster_rows(["a", "a"], points)
