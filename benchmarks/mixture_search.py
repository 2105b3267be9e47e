"""How often `finegold mix` says that a mixture helps where none does, and where one does.

    python -m benchmarks.mixture_search [--studies 200] [--fit both] [--seed 0]

Makes studies of known truth: 24 mixtures of four sources from a Dirichlet distribution, one run each, noise
of one unit. `flat`: the mixture changes nothing. `proportional`: the proportional mixture is the best there
is. `line`: each source adds its share times a value, 6 for the third and 0 for the others. `peak`: one
mixture far from the proportional one is best, and the result falls with the square of the distance.

Prints a Markdown row for each: the share of studies in which some mixture is said to beat the proportional
one, the share in which the mixture named does not (an error), how often the interval of the highest mixture
holds its true gain, and the mean rank correlation of held-out mixtures.
"""

import argparse
from collections.abc import Callable

import numpy as np

from finegold.arrays import Floats
from finegold.selection.learned import MixtureModel, fit_mixture

POOL = np.array([0.4, 0.3, 0.2, 0.1])
BEST = np.array([0.15, 0.15, 0.35, 0.35])
TRUTHS: dict[str, Callable[[Floats], float]] = {
    "flat": lambda _: 0.0,
    "proportional": lambda shares: -20 * float(((shares - POOL) ** 2).sum()),
    "line": lambda shares: 6 * float(shares[2]),
    "peak": lambda shares: -30 * float(((shares - BEST) ** 2).sum()),
}


def measure(truth: Callable[[Floats], float], fit: MixtureModel, studies: int, seed: int) -> list[float]:
    """Shares of claims, of wrong claims and of intervals that hold the truth; mean rank correlation."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(studies):
        shares = rng.dirichlet(4 * POOL, 24)
        results = np.array([truth(one) for one in shares]) + rng.normal(size=24)
        result = fit_mixture(shares, results, np.arange(24), POOL, fit=fit, seed=number)
        gain = truth(result.guess) - truth(POOL)
        low, high = result.guess_gain.ends or (0.0, 0.0)
        wrong = result.gain is not None and truth(result.best) <= truth(POOL)
        correlation = result.rank_correlation or 0.0
        found.append((result.gain is not None, wrong, low <= gain <= high, correlation))
    means: list[float] = np.mean(found, axis=0).tolist()
    return means


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Claims of finegold mix on studies of known truth.")
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--fit", choices=("both", "linear", "gp"), default="both")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| truth | said to help | wrongly | interval holds the truth | rank correlation |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, truth in TRUTHS.items():
        claims, wrong, holds, correlation = measure(truth, options.fit, options.studies, options.seed)
        print(f"| {name} | {claims:.1%} | {wrong:.1%} | {holds:.1%} | {correlation:+.2f} |", flush=True)


if __name__ == "__main__":
    main()
