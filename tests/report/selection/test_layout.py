import numpy as np
import pytest

from finegold.arrays import Vectors
from finegold.report.selection import layout as module
from finegold.report.selection.layout import layout


def groups(count: int, members: int, seed: int = 0) -> tuple[list[str], Vectors, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count), members)
    points = generator.normal(size=(count, 24))[labels] * 4 + generator.normal(size=(len(labels), 24))
    return [f"id-{row:04d}" for row in range(len(labels))], points.astype(np.float32), labels


def neighbours_of_own_group(places: np.ndarray, labels: np.ndarray) -> float:
    distances = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(axis=1)] == labels).mean())


def test_row_order_does_not_move_a_row() -> None:
    ids, points, _ = groups(4, 30)
    shuffle = np.random.default_rng(3).permutation(len(ids))
    moved = layout([ids[row] for row in shuffle], points[shuffle])
    np.testing.assert_array_equal(moved, layout(ids, points)[shuffle])


def test_groups_stay_together_on_the_unit_square() -> None:
    ids, points, labels = groups(5, 30)
    places = layout(ids, points)
    assert places.min() >= 0
    assert places.max() <= 1
    assert neighbours_of_own_group(places, labels) > 0.97


def test_rows_beyond_the_landmarks_join_their_group(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, points, labels = groups(5, 40)
    monkeypatch.setattr(module, "LANDMARKS", 80)
    places = layout(ids, points)
    assert np.isfinite(places).all()
    assert neighbours_of_own_group(places, labels) > 0.9


def test_a_row_is_compared_with_the_landmarks_of_its_part_of_the_space(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids, points, labels = groups(5, 80)
    for name, value in (("LANDMARKS", 200), ("NEAR", 30), ("PARTS", 8), ("_CHUNK", 70)):
        monkeypatch.setattr(module, name, value)
    assert neighbours_of_own_group(layout(ids, points), labels) > 0.9


def test_rows_without_an_image_have_no_place_and_move_nobody() -> None:
    ids, points, _ = groups(3, 20)
    alone = layout(ids, points)
    holes = np.full((2, points.shape[1]), np.nan, dtype=np.float32)
    places = layout([*ids, "id-0000a", "zzz"], np.concatenate([points, holes]))
    assert np.isnan(places[-2:]).all()
    np.testing.assert_array_equal(places[:-2], alone)


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 13])
@pytest.mark.parametrize("width", [1, 2, 7])
def test_few_or_equal_rows_have_finite_places(rows: int, width: int) -> None:
    ids = [str(row) for row in range(rows)]
    for points in (np.ones((rows, width)), np.random.default_rng(0).normal(size=(rows, width))):
        places = layout(ids, points.astype(np.float32))
        assert places.shape == (rows, 2)
        assert np.isfinite(places).all()
