import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.selection import NORMALISERS

NAN = float("nan")
VALUES = st.lists(st.sampled_from([NAN, -3.0, 0.0, 0.5, 2.0, 1e6]), min_size=1, max_size=30)


@given(VALUES, st.sampled_from(sorted(NORMALISERS)))
def test_what_does_not_apply_stays_so_and_touches_nothing_else(values: list[float], name: str) -> None:
    column = np.array(values)[:, None]
    result = NORMALISERS[name](column)[:, 0]
    present = np.isfinite(column[:, 0])
    np.testing.assert_array_equal(np.isfinite(result), present)
    np.testing.assert_array_equal(result[present], NORMALISERS[name](column[present])[:, 0])


@given(VALUES, st.sampled_from(["minmax", "zscore", "rank"]))
def test_order_is_kept(values: list[float], name: str) -> None:
    result = NORMALISERS[name](np.array(values)[:, None])[:, 0]
    for a, x in zip(values, result, strict=True):
        for b, y in zip(values, result, strict=True):
            assert (a < b) == (x < y)


@pytest.mark.parametrize("name", ["minmax", "zscore", "rank"])
def test_a_constant_column_says_nothing(name: str) -> None:
    columns = np.array([[0.1, NAN], [0.1, 7], [0.1, NAN]])
    np.testing.assert_array_equal(NORMALISERS[name](columns), [[0, NAN], [0, 0], [0, NAN]])


def test_known_values() -> None:
    columns = np.array([[1.0], [3], [NAN], [3], [11]])
    assert NORMALISERS["minmax"](columns)[:, 0].tolist()[:2] == [0, 0.2]
    assert NORMALISERS["rank"](columns)[[0, 1, 3, 4], 0].tolist() == [0, 0.5, 0.5, 1]
    scaled = NORMALISERS["zscore"](columns)[:, 0]
    assert np.nanmean(scaled) == pytest.approx(0)
    assert np.nanstd(scaled) == pytest.approx(1)
