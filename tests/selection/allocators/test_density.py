import numpy as np
import pytest

from finegold.errors import ConfigError
from finegold.selection import ALLOCATORS, Pool
from finegold.selection.shares import share_out

ALLOCATE = ALLOCATORS["density-transferability"]


def test_equals_its_definition() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), [30, 20, 10, 1])
    points = (random.normal(size=(61, 6)) + 2 * random.normal(size=(4, 6))[labels]).astype(np.float32)
    units = points.astype(np.float64) / np.linalg.norm(points, axis=1, keepdims=True)
    centroids = np.stack([units[labels == c].mean(axis=0) for c in range(4)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    share = []
    for c in range(4):
        inside = units[labels == c]
        pairs = [
            np.exp(-((a - b) ** 2).sum() / 2)
            for i, a in enumerate(inside)
            for j, b in enumerate(inside)
            if i != j
        ]
        others = [cos for k, cos in enumerate(centroids @ centroids[c]) if k != c and cos <= 0.9]
        share.append(np.exp(np.mean(others or [0]) / (0.1 * np.mean(pairs or [1]))))
    pool = Pool(tuple(f"{i:02}" for i in range(61)), np.zeros(61), labels, points)
    expected = share_out(np.array(share), pool.sizes(), 15)
    assert ALLOCATE(pool, 15).tolist() == expected.tolist()


def test_a_loose_cluster_gives_more_than_a_tight_one_beside_it() -> None:
    random = np.random.default_rng(1)
    tight = np.array([1, 0.5, 0, 0]) + random.normal(size=(100, 4)) * 0.01
    loose = np.array([0.5, 1, 0, 0]) + random.normal(size=(100, 4)) * 0.4
    pool = Pool(
        tuple(f"{i:03}" for i in range(200)),
        np.zeros(200),
        np.repeat([0, 1], 100),
        np.concatenate([tight, loose]).astype(np.float32),
    )
    quotas = ALLOCATE(pool, 50)
    assert quotas[1] > quotas[0]


def test_without_embeddings() -> None:
    with pytest.raises(ConfigError, match="needs image embeddings"):
        ALLOCATE(Pool(("a",), np.zeros(1), np.zeros(1, dtype=np.int64)), 1)
