import numpy as np

from finegold.selection.quality import weighted_sum

NAN = float("nan")


def test_a_missing_indicator_spreads_its_weight_over_the_others() -> None:
    columns = np.array([[1.0, 0.5, 0.0], [NAN, 0.5, 0.0], [NAN, NAN, 0.25], [NAN, NAN, NAN]])
    quality = weighted_sum(columns, np.array([2.0, 1.0, 1.0]))
    np.testing.assert_allclose(quality, [2.5, 4 * 0.25, 4 * 0.25, NAN])


def test_a_negative_weight_prefers_low_values() -> None:
    columns = np.array([[1.0, 0.5], [1.0, 0.0], [1.0, NAN]])
    quality = weighted_sum(columns, np.array([1.0, -1.0]))
    np.testing.assert_allclose(quality, [0.5, 1.0, 2.0])


def test_an_indicator_of_weight_zero_does_not_count() -> None:
    quality = weighted_sum(np.array([[NAN, 3.0], [4.0, NAN]]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(quality, [NAN, 4.0])
