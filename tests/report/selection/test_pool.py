import json

import numpy as np

from finegold.report.selection.pool import MOST_NOT_PICKED, PoolRows, map_points, near_misses


def test_the_smallest_gap_to_the_own_cluster_comes_first() -> None:
    rows = PoolRows(
        ids=("a", "b", "c", "d", "e", "f"),
        rank=np.array([1, 0, 0, 2, 0, 0]),
        quality=np.array([0.9, 0.8, 0.1, 0.5, 0.45, np.nan]),
        labels=np.array([0, 0, 0, 1, 1, 1]),
    )
    misses = near_misses(rows, [1, 1], 2)
    assert [rows.ids[row] for row, _ in misses] == ["e", "b"]
    assert misses[0][1].startswith("Cluster 2 had room for 1, and 1 of its rows have a higher quality")
    assert "0.05 below the last one taken, 0.5." in misses[0][1]


def test_a_better_row_that_was_passed_over_is_told_apart() -> None:
    rows = PoolRows(("a", "b", "c"), np.array([1, 0, 2]), np.array([0.9, 0.8, 0.2]))
    ((row, why),) = near_misses(rows, (), 5)
    assert rows.ids[row] == "b"
    assert "above 0.2, the lowest taken from the pool" in why


def test_ties_say_so_and_go_by_id() -> None:
    rows = PoolRows(("z", "y", "a"), np.array([0, 0, 1]), np.ones(3))
    misses = near_misses(rows, (), 5)
    assert [rows.ids[row] for row, _ in misses] == ["y", "z"]
    assert "tie" in misses[0][1]


def test_without_quality_or_picks_nothing_is_near() -> None:
    assert near_misses(PoolRows(("a", "b"), np.array([1, 0])), (), 5) == []
    assert near_misses(PoolRows(("a", "b"), np.array([0, 0]), np.ones(2)), (), 5) == []


def test_a_large_pool_is_thinned_and_every_pick_is_kept() -> None:
    count = MOST_NOT_PICKED + 4_000
    rank = np.zeros(count, dtype=np.int64)
    rank[::100] = np.arange(1, count // 100 + 1)
    rows = PoolRows(
        tuple(str(row) for row in range(count)), rank, xy=np.random.default_rng(0).random((count, 2))
    )
    found = map_points(rows)
    assert found is not None
    picked = [row for row, place in zip(found["data"]["row"], found["data"]["rank"], strict=True) if place]
    assert picked == list(range(0, count, 100))
    assert found["thinned"] + len(found["data"]["row"]) == count
    assert found["thinned"] > 0
    assert len(json.dumps(found["data"])) < 400_000


def test_rows_without_a_place_are_counted() -> None:
    xy = np.array([[0.0, 1.0], [np.nan, np.nan], [0.5, 0.25]])
    rows = PoolRows(
        ("a", "b", "c"), np.array([0, 1, 2]), np.array([np.nan, 1, 2]), np.zeros(3, dtype=np.int64), xy
    )
    found = map_points(rows)
    assert found is not None
    assert (found["data"]["id"], found["unplaced"], found["data"]["quality"]) == (["a", "c"], 1, [None, 2.0])
    assert (found["data"]["x"], found["data"]["y"]) == ([0, 500], [1000, 250])
    assert map_points(PoolRows(("a",), np.array([1]), xy=np.full((1, 2), np.nan))) is None


def test_rows_chosen_by_group_are_compared_with_their_group() -> None:
    rows = PoolRows(
        ids=("a", "b", "c", "d"),
        rank=np.array([1, 0, 2, 0]),
        quality=np.array([0.9, 0.8, 0.3, 0.1]),
        labels=np.array([0, 0, 0, 0]),
        groups=("vqa", "vqa", "captions", "captions"),
    )
    misses = near_misses(rows, [2], 4, {"captions": 1, "vqa": 1})
    assert [rows.ids[row] for row, _ in misses] == ["b", "d"]
    assert misses[0][1].startswith("Group vqa had room for 1, and 1 of its rows have a higher quality")
