"""Intervals of a comparison over a few dozen questions."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95% interval.

    Attributes:
        value: None if there is nothing to estimate it from.
        low: Lower end, None likewise.
        high: Upper end, None likewise.
        n: Cases behind it.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


def proportion(successes: int, n: int) -> Estimate:
    """A share with its exact binomial interval (Clopper and Pearson 1934)."""
    if n == 0:
        return Estimate(None, None, None, 0)
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(0.95, method="exact")
    return Estimate(successes / n, float(interval.low), float(interval.high), n)


def sign_test(wins: int, losses: int) -> float | None:
    """Exact two-sided p of wins against losses under a fair coin, ties left out; None without either."""
    if wins + losses == 0:
        return None
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue)


def bootstrap_net(wins: int, ties: int, losses: int, *, seed: int, resamples: int = 10_000) -> Estimate:
    """(wins - losses) / n with a percentile bootstrap interval over the questions.

    Resampling n questions with replacement is drawing the three counts from a multinomial.
    """
    n = wins + ties + losses
    if n == 0:
        return Estimate(None, None, None, 0)
    drawn = np.random.default_rng(seed).multinomial(n, [wins / n, ties / n, losses / n], resamples)
    low, high = np.percentile((drawn[:, 0] - drawn[:, 2]) / n, [2.5, 97.5])
    return Estimate((wins - losses) / n, float(low), float(high), n)
