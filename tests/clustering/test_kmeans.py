import numpy as np
from sklearn.metrics import adjusted_rand_score

from finegold.clustering import kmeans


def test_finds_planted_groups_largest_first() -> None:
    random = np.random.default_rng(0)
    truth = random.permutation(np.repeat([0, 1, 2], [20, 100, 50]))
    points = (truth[:, None] * 50 + random.normal(size=(170, 3))).astype(np.float32)
    result = kmeans(points, 3)
    assert result.sizes.tolist() == [100, 50, 20]
    assert adjusted_rand_score(truth, result.labels) == 1
    assert set(truth[result.labels == 0]) == {1}


def test_spherical_ignores_length() -> None:
    random = np.random.default_rng(1)
    directions = np.repeat(np.eye(2), 50, axis=0)
    points = (directions * random.uniform(0.1, 100, (100, 1))).astype(np.float32)
    result = kmeans(points, 2, spherical=True)
    assert result.labels.tolist() == [0] * 50 + [1] * 50


def test_more_clusters_than_different_rows_is_said() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    for wanted in (5, 12, 100):
        result = kmeans(points, wanted)
        assert result.sizes.tolist() == [4, 4, 4]
        assert f"{wanted} clusters were asked for" in result.note


def test_many_clusters_are_all_filled() -> None:
    points = np.random.default_rng(2).normal(size=(1500, 4)).astype(np.float32)
    result = kmeans(points, 300)
    assert len(result.sizes) == 300
    assert result.sizes.min() >= 1
    assert (np.diff(result.sizes) <= 0).all()
