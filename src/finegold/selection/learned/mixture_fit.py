"""Which mixture of sources to train on, from runs of several mixtures: a linear fit or a Gaussian process.

As in MixAtlas (arXiv 2604.14198): runs of different mixtures are measured, a Gaussian process predicts the
result of any mixture, and the best predicted one is proposed. Here the proposal also has an interval that
counts that it is the best of many: see `fit_mixture`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.statistics import Estimate

MixtureModel = Literal["both", "linear", "gp"]
"""What is fitted: a line, a Gaussian process, or both, each as far as the runs make it likely."""
RATIOS = 10.0 ** np.arange(-1.5, 2.1, 0.5)
"""Variance that the mixture makes, in units of the variance of two runs of one mixture."""
LENGTHS = (0.5, 1.0, 2.0, 4.0)
"""Length scales of the Gaussian process, in units of the median distance of two mixtures that were tried."""
_CANDIDATES, _PERMUTATIONS, _DRAWS = 300, 199, 1000


@dataclass(frozen=True, slots=True)
class MixtureFit:
    """What runs of different mixtures say of mixtures.

    Attributes:
        guess: Shape (k,), shares of the mixture of the highest prediction.
        guess_gain: What it gains over the proportional one; the interval holds for all mixtures at once.
        best: Shape (k,), shares of the mixture whose gain has the highest lower end; the proportional ones
            if no lower end is above 0.
        gain: Gain of `best`; None if that is proportional.
        tried: Gain of each mixture that was tried, in the order of the labels.
        rank_correlation: Spearman's, of the results with their predictions from the other mixtures alone;
            None if the predictions are all the same.
        linear: How likely the line is, 0 to 1, against the Gaussian process.
    """

    guess: Floats
    guess_gain: Estimate
    best: Floats
    gain: Estimate | None
    tried: tuple[Estimate, ...]
    rank_correlation: float | None
    linear: float


@dataclass(frozen=True, slots=True)
class _Grid:
    """The fit with each of g covariances.

    Attributes:
        linear: Shape (g,): whether it is a line.
        prior: Shape (g,): logarithm of how likely it is, without the factor of the residuals.
        projections: Shape (g, r, r): inverse covariance of the results, without their mean.
        operators: Shape (g, c, r): from results to gains over the reference.
        joint: Shape (g, c, c): covariance of the gains, in units of the variance of two runs of one mixture.
    """

    linear: Floats
    prior: Floats
    projections: Floats
    operators: Floats
    joint: Floats

    def weights(self, results: Floats) -> tuple[Floats, Floats]:
        """How likely each covariance is, and the variance of two runs of one mixture with it."""
        free = len(results) - 1
        squares = np.maximum(np.einsum("r,grs,s->g", results, self.projections, results), 1e-300)
        likelihood = self.prior - 0.5 * free * np.log(squares)
        return np.exp(likelihood - np.logaddexp.reduce(likelihood)), squares / free

    def gains(self, results: Floats, moved: Floats) -> tuple[Floats, Floats]:
        """Gain of each mixture, and its standard error over runs and over the draws of the items."""
        weights, noise = self.weights(results)
        each = self.operators @ results
        gains: Floats = weights @ each
        spread = np.maximum(np.diagonal(self.joint, axis1=1, axis2=2), 0.0)
        variance: Floats = weights @ (noise[:, None] * spread + (each - gains) ** 2)
        if moved.any():
            operator = np.tensordot(weights, self.operators, 1)
            variance = variance + (operator @ moved).var(axis=1, ddof=1)
        return gains, np.sqrt(variance)


def fit_mixture(
    shares: Floats,
    results: Floats,
    labels: Ints,
    proportional: Floats,
    draws: Floats | None = None,
    *,
    fit: MixtureModel = "both",
    level: float = 0.95,
    seed: int = 0,
) -> MixtureFit:
    """Fit the result of a run on the shares of the sources, and compare mixtures with the proportional one.

    The fit is a Gaussian process over shares with an unknown mean, whose covariance is linear or an RBF.
    These two, the length scale and the ratio of variances are averaged by their restricted likelihood on a
    grid, so that runs that tell nothing are not taken for certain.

    Mixtures are those that were tried and 300 convex combinations of them: no other is proposed. An interval
    is the prediction with c standard errors to each side. c is the larger of two: of draws from the fit, and
    of 199 permutations of the results among the runs, the share `level` has no gain that is more than c
    standard errors from 0. So where the mixture changes nothing, some mixture is said to differ in at most
    1 - `level` of studies. A standard error counts runs and, with `draws`, the items of the evaluation.

    Args:
        shares: Shape (r, k): shares of the sources in each run, rows sum to 1.
        results: Shape (r,): result of each run, higher is better.
        labels: Shape (r,): which mixture each run is of, from 0; a mixture is held out as a whole.
        proportional: Shape (k,): shares of the sources in the pool.
        draws: Shape (r, b): results in each of b draws of the items; None if they are not known.
        fit: What is fitted.
        level: Share of the draws and permutations inside.
        seed: Seed of the combinations, draws and permutations.
    """
    rng = np.random.default_rng(seed)
    tried = np.stack([shares[labels == one].mean(axis=0) for one in range(labels.max() + 1)])
    points = np.vstack([tried, _combinations(tried, rng)])
    grid = _grid(shares, points, proportional, fit)
    moved = np.zeros((len(results), 1)) if draws is None else draws - draws.mean(axis=1, keepdims=True)
    gains, errors = grid.gains(results, moved)
    orders = [rng.permutation(len(results)) for _ in range(_PERMUTATIONS)]
    highest = np.sort([_highest(*grid.gains(results[one], moved[one])) for one in orders])
    by_chance = float(highest[int(np.ceil(level * (_PERMUTATIONS + 1))) - 1])
    critical = max(by_chance, _simultaneous(grid, results, level, rng))
    method = f"{level * 100:g}% for all mixtures at once, {_PERMUTATIONS} permutations and {_DRAWS:,} draws"

    def estimate(place: int) -> Estimate:
        value, half = float(gains[place]), critical * float(errors[place])
        return Estimate(value, value - half, value + half, len(results), method)

    guess, best = int(np.argmax(gains)), int(np.argmax(gains - critical * errors))
    helps = gains[best] - critical * errors[best] > 0
    return MixtureFit(
        guess=points[guess],
        guess_gain=estimate(guess),
        best=points[best] if helps else proportional,
        gain=estimate(best) if helps else None,
        tried=tuple(estimate(place) for place in range(len(tried))),
        rank_correlation=_rank_correlation(shares, results, labels, fit),
        linear=float(grid.weights(results)[0] @ grid.linear),
    )


def _combinations(tried: Floats, rng: np.random.Generator) -> Floats:
    """Convex combinations of up to three of the mixtures that were tried."""
    several = min(3, len(tried))
    chosen = np.stack([rng.choice(len(tried), several, replace=False) for _ in range(_CANDIDATES)])
    parts = rng.dirichlet(np.ones(several), _CANDIDATES)
    combined: Floats = np.einsum("cs,csk->ck", parts, tried[chosen])
    return combined


def _grid(shares: Floats, points: Floats, reference: Floats, fit: MixtureModel) -> _Grid:
    """The fit for each length scale and ratio of variances."""
    from sklearn.gaussian_process.kernels import RBF, DotProduct

    apart = np.sqrt(((shares[:, None] - shares[None]) ** 2).sum(axis=-1))
    usual = float(np.median(apart[apart > 1e-9])) if (apart > 1e-9).any() else 1.0
    middle = shares.mean(axis=0)
    run, point, there = shares - middle, points - middle, reference[None, :] - middle
    line, curves = [DotProduct(sigma_0=0.0)], [RBF(usual * one) for one in LENGTHS]
    families = {"linear": [line], "gp": [curves], "both": [line, curves]}[fit]
    found = []
    for family, kernel in [(one, kernel) for one in families for kernel in one]:
        among = kernel(run)
        # What two runs differ by on average becomes 1, so that a ratio means the same for each covariance.
        scale = max(float(np.diagonal(among).mean() - among.mean()), 1e-12)
        to_runs = (kernel(point, run) - kernel(there, run)) / scale
        across = kernel(point, there)
        apriori = (kernel(point) - across - across.T + kernel(there)) / scale
        for ratio in RATIOS:
            inverse = np.linalg.inv(ratio * among / scale + np.eye(len(shares)))
            column = inverse.sum(axis=1)
            projection = inverse - np.outer(column, column) / column.sum()
            prior = 0.5 * (np.linalg.slogdet(inverse)[1] - np.log(column.sum())) - np.log(len(family))
            operator = ratio * to_runs @ projection
            joint = ratio * (apriori - operator @ to_runs.T)
            found.append((np.array(family is line), prior, projection, operator, joint))
    return _Grid(*(np.stack(one) for one in zip(*found, strict=True)))


def _highest(gains: Floats, errors: Floats) -> float:
    """The largest gain or loss, in standard errors; a mixture without an error is the reference itself."""
    there = errors > 1e-12 * max(1.0, float(errors.max()))
    return float(np.max(np.abs(gains[there]) / errors[there], initial=0.0))


def _simultaneous(grid: _Grid, results: Floats, level: float, rng: np.random.Generator) -> float:
    """The multiple of the standard errors within which draws from the fit have all gains at once."""
    weights, noise = grid.weights(results)
    joint = np.tensordot(weights * noise, grid.joint, 1)
    values, vectors = np.linalg.eigh(joint)
    kept = values > 1e-10 * max(values.max(), 1e-300)
    root = vectors[:, kept] * np.sqrt(values[kept])
    free = len(results) - 1
    drawn = rng.standard_normal((_DRAWS, root.shape[1])) @ root.T
    drawn *= np.sqrt(free / rng.chisquare(free, (_DRAWS, 1)))
    deviation = np.sqrt(np.maximum(np.diagonal(joint), 0.0))
    return float(np.quantile([_highest(one, deviation) for one in drawn], level))


def _rank_correlation(shares: Floats, results: Floats, labels: Ints, fit: MixtureModel) -> float | None:
    """Spearman's correlation of results with predictions that saw no run of the same mixture."""
    from scipy.stats import spearmanr

    predicted = np.empty(len(results))
    for one in range(labels.max() + 1):
        out = labels == one
        known, seen = results[~out], shares[~out]
        grid = _grid(seen, np.vstack([shares[out], seen]), seen.mean(axis=0), fit)
        gains = grid.gains(known, np.zeros((len(known), 1)))[0]
        # Gains are over one reference: the level is where the predictions of the known runs have their mean.
        predicted[out] = gains[: out.sum()] - gains[out.sum() :].mean() + known.mean()
    if np.ptp(predicted) < 1e-9 * max(1.0, np.ptp(results)):
        return None
    return float(spearmanr(predicted, results).statistic)
