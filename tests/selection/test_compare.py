"""The figures of a comparison against direct, slow computations."""

from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.arrays import Vectors
from finegold.selection import compare
from finegold.statistics import student_t


def _points(n: int, seed: int) -> Vectors:
    return np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.integers(0, 10_000), st.data())
def test_distance_and_duplicates_equal_a_double_loop(n: int, seed: int, data: st.DataObject) -> None:
    points = _points(n, seed)
    points[n // 2] = 2 * points[0]
    chosen = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True)), dtype=np.int64)

    def cosine(i: int, j: int) -> float:
        a, b = points[i].astype(float), points[j].astype(float)
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    nearest = [max(0.0, min(1 - cosine(i, j) for j in chosen)) for i in range(n)]
    assert compare.embedding_distance(points, chosen) == pytest.approx(np.mean(nearest), abs=1e-5)
    repeats = sum(
        any(cosine(int(chosen[a]), int(chosen[b])) > compare.NEAR_DUPLICATE for b in range(a))
        for a in range(len(chosen))
    )
    assert compare.near_duplicates(points, chosen) == repeats


def test_rows_without_an_image_do_not_count_for_coverage() -> None:
    points = _points(10, 1)
    points[3] = np.nan
    assert compare.embedding_distance(points, np.delete(np.arange(10), 3)) == pytest.approx(0, abs=1e-6)
    assert np.isnan(compare.embedding_distance(points, np.array([3])))


def test_cluster_coverage_goes_from_one_cluster_to_all_alike() -> None:
    labels = np.repeat(np.arange(4), 5)
    assert compare.cluster_coverage(labels, np.arange(5)) == pytest.approx(1 / 4)
    assert compare.cluster_coverage(labels, np.array([0, 5, 10, 15])) == pytest.approx(1)


def test_shares_count_rows_that_nobody_labelled() -> None:
    chosen = pa.array(["good", "bad", None, "good"])
    assert compare.shares({"good", "bad"}, chosen) == {"bad": 0.25, "good": 0.5, "unlabelled": 0.25}
    assert compare.shares({"good", "other"}, chosen[:1]) == {"good": 1.0, "other": 0.0}


def test_overlap_is_a_share_of_the_smaller() -> None:
    assert compare.overlap(["a", "b"], ["b", "c", "d"]) == 0.5


def test_a_comparison_of_the_first_version_is_read() -> None:
    distance = {"mean": 0.23333333333333336, "low": -0.14612497002634264, "high": 0.6127916366930094, "n": 3}
    written = {
        "fingerprint": "abc",
        "size": 2,
        "presets": [
            {
                "preset": "random",
                "version": "1",
                "seeds": 3,
                "figures": {"distance": distance},
                "chosen": ["r1", "r2"],
            }
        ],
        "overlap": [[1.0]],
        "pool": {"mean clip": 30.0},
        "dedup": "none",
    }
    read = compare.PresetComparison.from_json(written)
    found = read.presets[0].figures["distance"]
    assert found == replace(student_t([0.1, 0.2, 0.4]), method="")
    assert compare.PresetComparison.from_json(asdict(read)) == read
