import numpy as np

from finegold.report.selection.inputs import Cluster, PoolRows
from finegold.report.selection.near_misses import near_misses


def test_the_smallest_gap_to_the_own_cluster_comes_first() -> None:
    rows = PoolRows(
        ids=("a", "b", "c", "d", "e", "f"),
        rank=np.array([1, 0, 0, 2, 0, 0]),
        quality=np.array([0.9, 0.8, 0.1, 0.5, 0.45, np.nan]),
        labels=np.array([0, 0, 0, 1, 1, 1]),
    )
    misses = near_misses(rows, (Cluster(3, 1), Cluster(3, 1)), 2)
    assert [miss.id for miss in misses] == ["e", "b"]
    assert misses[0].why.startswith("Cluster 2 had room for 1, and 1 of its rows have a higher quality")
    assert "0.05 below the last one taken, 0.5." in misses[0].why


def test_a_better_row_that_was_passed_over_is_told_apart() -> None:
    rows = PoolRows(("a", "b", "c"), np.array([1, 0, 2]), np.array([0.9, 0.8, 0.2]))
    (miss,) = near_misses(rows, (), 5)
    assert miss.id == "b"
    assert "above 0.2, the lowest taken from the pool" in miss.why


def test_ties_say_so_and_go_by_id() -> None:
    rows = PoolRows(("z", "y", "a"), np.array([0, 0, 1]), np.ones(3))
    misses = near_misses(rows, (), 5)
    assert [miss.id for miss in misses] == ["y", "z"]
    assert "tie" in misses[0].why


def test_without_quality_or_picks_nothing_is_near() -> None:
    assert near_misses(PoolRows(("a", "b"), np.array([1, 0])), (), 5) == ()
    assert near_misses(PoolRows(("a", "b"), np.array([0, 0]), np.ones(2)), (), 5) == ()
