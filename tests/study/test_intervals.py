import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.arrays import Floats
from finegold.report.study.findings import Interval, verdict
from finegold.study.intervals import Draws, Measured


def _ratio(sums: Floats) -> Floats:
    return sums[:, 0] / sums[:, 1]


def _measured(values: Floats) -> Measured:
    """Means of values of shape (seeds, items)."""
    return Measured(np.stack([values, np.ones_like(values)], axis=2), _ratio)


def _made(seeds: int, items: int, between_seeds: float, rng: np.random.Generator) -> Measured:
    return _measured(rng.normal(0, between_seeds, (seeds, 1)) + rng.normal(0, 1, (seeds, items)))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        draws = Draws.of(range(60), replicates=400, level=0.9, seed=trial)
        found = draws.difference(_made(8, 60, 0.3, rng), _made(8, 60, 0.3, rng))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
    # A binomial of 200 at 0.9 has a spread of 4; few seeds make the interval somewhat too narrow.
    assert 160 <= held <= 195


def test_seeds_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    draws = Draws.of(range(100), replicates=500, level=0.95)
    widths = []
    for spread in (0.0, 1.0):
        found = draws.mean(_made(5, 100, spread, rng))
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[1] > 2 * widths[0]


def test_equal_arms_of_one_seed_differ_by_nothing_whatever_the_images() -> None:
    values = np.random.default_rng(2).normal(size=(1, 40))
    draws = Draws.of(range(40), replicates=200, level=0.95)
    assert draws.difference(_measured(values), _measured(values)) == Interval(0.0, 0.0, 0.0)


def test_items_of_one_image_are_drawn_together() -> None:
    values = np.repeat(np.random.default_rng(3).normal(size=(1, 30)), 4, axis=1)
    together = Draws.of([i // 4 for i in range(120)], replicates=1000, level=0.95)
    apart = Draws.of(range(120), replicates=1000, level=0.95)
    widths = []
    for draws in (together, apart):
        found = draws.mean(_measured(values))
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert 1.6 < widths[0] / widths[1] < 2.5


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(2, 12), st.integers(0, 1000))
def test_the_order_of_items_changes_nothing(seeds: int, items: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    measured = _made(seeds, items, 0.5, rng)
    images = [f"image {i}" for i in range(items)]
    draws = Draws.of(images, replicates=100, level=0.95)
    assert np.isclose(draws.mean(measured).value, measured.by_seed.mean())
    found = draws.mean(measured)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.high


def test_verdicts_are_words() -> None:
    assert verdict(Interval(0.002, -0.004, 0.009), "higher", 100) == (
        "no difference seen: -0.4 to +0.9",
        False,
    )
    assert verdict(Interval(0.012, 0.003, 0.021), "higher", 100) == ("better by 1.2 (0.3 to 2.1)", True)
    assert verdict(Interval(0.012, 0.003, 0.021), "lower", 1) == ("worse by 0.012 (0.003 to 0.021)", True)
    assert verdict(Interval(-0.02, -0.03, -0.01), "lower", 1) == ("better by 0.020 (0.010 to 0.030)", True)
