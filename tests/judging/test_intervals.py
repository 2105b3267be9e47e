import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.judging.intervals import bootstrap_net, proportion, sign_test


def test_exact_intervals_agree_with_published_values() -> None:
    # Clopper-Pearson 95% for 29 of 60 and 0 of 10 (the latter 1 - 0.025 ** (1/10)).
    found = proportion(29, 60)
    assert found.low == pytest.approx(0.3523, abs=1e-4)
    assert found.high == pytest.approx(0.6161, abs=1e-4)
    none = proportion(0, 10)
    assert none.low == 0.0
    assert none.high == pytest.approx(1 - 0.025**0.1)
    assert proportion(0, 0).value is None


def test_the_sign_test_is_the_coins() -> None:
    assert sign_test(5, 0) == pytest.approx(2 * 0.5**5)
    assert sign_test(7, 7) == 1.0
    assert sign_test(0, 0) is None


def test_the_bootstrap_is_seeded_and_as_wide_as_theory_says() -> None:
    found = bootstrap_net(29, 15, 16, seed=3)
    assert found == bootstrap_net(29, 15, 16, seed=3)
    assert found.value == pytest.approx(13 / 60)
    share = 45 / 60 - (13 / 60) ** 2
    half = 1.96 * (share / 60) ** 0.5
    assert found.low == pytest.approx(13 / 60 - half, abs=0.03)
    assert found.high == pytest.approx(13 / 60 + half, abs=0.03)


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_an_interval_holds_its_value_and_mirrors(wins: int, ties: int, losses: int) -> None:
    found = bootstrap_net(wins, ties, losses, seed=0, resamples=200)
    if found.value is None or found.low is None or found.high is None:
        assert wins + ties + losses == 0
        return
    assert -1 <= found.low <= found.high <= 1
    assert (found.low == found.high) == (max(wins, ties, losses) == wins + ties + losses)
