import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from finegold.arrays import Floats
from finegold.selection.learned import MixtureModel, fit_mixture, mixture_fit

POOL = np.array([0.5, 0.3, 0.2])
BEST = np.array([0.2, 0.2, 0.6])


def tried(rng: np.random.Generator, count: int = 18) -> Floats:
    return rng.dirichlet(3 * POOL, count)


def far_from(best: Floats, shares: Floats) -> Floats:
    squares: Floats = -30 * ((shares - best) ** 2).sum(axis=-1)
    return squares


@pytest.mark.parametrize("fit", ["both", "gp"])
def test_a_mixture_that_is_best_is_found_and_its_gain_is_inside_the_interval(fit: MixtureModel) -> None:
    rng = np.random.default_rng(0)
    shares = tried(rng)
    results = far_from(BEST, shares) + rng.normal(size=18)

    found = fit_mixture(shares, results, np.arange(18), POOL, fit=fit)

    assert found.gain is not None
    assert found.gain.low is not None
    assert found.gain.high is not None
    true_gain = far_from(BEST, found.best) - far_from(BEST, POOL)
    assert 0 < found.gain.low <= true_gain <= found.gain.high
    assert np.abs(found.guess - BEST).sum() / 2 < 0.15
    assert found.rank_correlation is not None
    assert found.rank_correlation > 0.7
    assert found.linear < 0.5


def test_a_line_is_known_as_one() -> None:
    rng = np.random.default_rng(1)
    shares = tried(rng, 30)
    results = shares @ np.array([0.0, 0.0, 12.0]) + rng.normal(size=30)

    found = fit_mixture(shares, results, np.arange(30), POOL)

    assert found.linear > 0.5
    assert found.gain is not None
    assert found.best[2] > POOL[2]


def test_where_no_mixture_helps_none_is_said_to() -> None:
    said = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        shares = tried(rng, 10)
        truth = far_from(POOL, shares) if seed % 2 else np.zeros(10)
        found = fit_mixture(shares, truth + rng.normal(size=10), np.arange(10), POOL)
        said += found.gain is not None
        assert (found.best == POOL).all() or found.gain is not None
    assert said <= 1


def test_the_fit_is_that_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixture_fit, "RATIOS", np.array([2.0]))
    monkeypatch.setattr(mixture_fit, "LENGTHS", (1.0,))
    rng = np.random.default_rng(2)
    shares = tried(rng, 10)
    results = rng.normal(size=10)

    found = fit_mixture(shares, results, np.arange(10), POOL, fit="gp")

    apart = np.sqrt(((shares[:, None] - shares[None]) ** 2).sum(axis=-1))
    kernel = RBF(np.median(apart[apart > 1e-9]))
    among = kernel(shares)
    scale = np.diagonal(among).mean() - among.mean()
    peer = GaussianProcessRegressor(
        ConstantKernel(2.0 / scale) * kernel + ConstantKernel(1e6), alpha=1.0, optimizer=None
    ).fit(shares, results)
    expected = peer.predict(shares) - peer.predict(POOL[None])
    assert [one.value for one in found.tried] == pytest.approx(expected, abs=1e-4)


def test_what_other_items_would_change_widens_the_interval_and_what_is_common_to_all_runs_does_not() -> None:
    rng = np.random.default_rng(3)
    shares = tried(rng)
    results = far_from(BEST, shares) + rng.normal(size=18)
    level = np.repeat(rng.normal(size=(1, 100)), 18, axis=0)
    mixed = shares @ rng.normal(size=(3, 100)) * 8

    def width(draws: Floats | None) -> float:
        gain = fit_mixture(shares, results, np.arange(18), POOL, draws).guess_gain
        assert gain.low is not None
        assert gain.high is not None
        return gain.high - gain.low

    assert width(level) == pytest.approx(width(None))
    assert width(mixed) > 1.3 * width(None)


def test_runs_of_one_mixture_are_held_out_together() -> None:
    """Otherwise the other runs of a mixture would tell its result, also where mixtures tell nothing."""
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(8), 4)
    shares = tried(rng, 8)[labels]
    results = rng.normal(size=8)[labels] + 0.01 * rng.normal(size=32)

    together = fit_mixture(shares, results, labels, POOL, fit="gp").rank_correlation
    apart = fit_mixture(shares, results, np.arange(32), POOL, fit="gp").rank_correlation

    assert together is not None
    assert apart is not None
    assert apart > 0.4 > together
