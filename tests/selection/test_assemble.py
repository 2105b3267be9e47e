import numpy as np

from finegold.selection.assemble import score_strata


def test_strata_are_equally_wide() -> None:
    quality = np.array([0.0, 1, 2.4, 2.5, 4.9, 5, 9.9, 10])
    assert score_strata(quality, 4).tolist() == [0, 0, 0, 1, 1, 2, 3, 3]


def test_a_constant_quality_is_one_stratum() -> None:
    assert score_strata(np.full(3, 0.1), 50).tolist() == [0, 0, 0]
