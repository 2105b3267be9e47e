import numpy as np

from finegold.clustering import knn_graph
from finegold.selection import Pool


def test_a_subset_takes_everything_along() -> None:
    points = np.arange(8, dtype=np.float32)[:, None]
    pool = Pool(
        tuple("abcdefgh"),
        np.arange(8.0),
        np.array([0, 0, 0, 1, 1, 1, 2, 2]),
        points,
        knn_graph(points, 2),
        np.arange(16.0).reshape(8, 2),
    )
    inner = pool.subset(np.array([5, 3]))
    assert inner.ids == ("f", "d")
    assert inner.quality.tolist() == [5, 3]
    assert inner.sizes().tolist() == [0, 2]
    assert inner.embeddings is not None
    assert inner.embeddings.tolist() == [[5], [3]]
    assert inner.graph is not None
    assert inner.graph.neighbours.tolist() == [[-1, -1], [-1, -1]]
    assert inner.indicators is not None
    assert inner.indicators.tolist() == [[10, 11], [6, 7]]
