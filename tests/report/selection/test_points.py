import json

import numpy as np

from finegold.report.selection.inputs import PoolRows
from finegold.report.selection.points import MOST_NOT_PICKED, points


def test_a_large_pool_is_thinned_and_every_pick_is_kept() -> None:
    count = MOST_NOT_PICKED + 4_000
    rank = np.zeros(count, dtype=np.int64)
    rank[::100] = np.arange(1, count // 100 + 1)
    rows = PoolRows(
        tuple(str(row) for row in range(count)), rank, xy=np.random.default_rng(0).random((count, 2))
    )
    found = points(rows)
    assert found is not None
    picked = [row for row, place in zip(found.data["row"], found.data["rank"], strict=True) if place]
    assert picked == list(range(0, count, 100))
    assert found.left_out + len(found.data["row"]) == count
    assert found.left_out > 0
    assert len(json.dumps(found.data)) < 400_000


def test_rows_without_a_place_are_counted() -> None:
    xy = np.array([[0.0, 1.0], [np.nan, np.nan], [0.5, 0.25]])
    rows = PoolRows(
        ("a", "b", "c"), np.array([0, 1, 2]), np.array([np.nan, 1, 2]), np.zeros(3, dtype=np.int64), xy
    )
    found = points(rows)
    assert found is not None
    assert (found.data["id"], found.unplaced, found.data["quality"]) == (["a", "c"], 1, [None, 2.0])
    assert (found.data["x"], found.data["y"]) == ([0, 500], [1000, 250])
    assert points(PoolRows(("a",), np.array([1]), xy=np.full((1, 2), np.nan))) is None
