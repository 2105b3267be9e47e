"""`learned`: weights of the indicators from measured subsets, and how far they can be believed.

The repaired form of what InstructionGPT-4 (arXiv 2308.12067) and Instruction Mining (arXiv 2307.06290)
do: regress the measured result of a subset on what its rows score on average, then score single rows with
the same weights.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from finegold.arrays import Floats, Ints
from finegold.errors import ConfigError, DataError
from finegold.selection.learned.pairs import MeasuredSubset
from finegold.selection.learned.ridge import fit_ridge, nested_predictions

MIN_SUBSETS = 5
_PERMUTATIONS = 999
_LEVEL = 0.05
HELD_OUT = " on items that the fit did not see,"
"""Stands in a sentence on the evidence where that is so."""


class Evidence(BaseModel):
    """How well held-out subsets are predicted.

    Attributes:
        subsets: Different subsets measured.
        error: Mean squared error of the nested leave-one-out predictions.
        constant_error: Mean squared error of predicting each subset by the mean of the others.
        r2: 1 - error / constant_error; above 0 the indicators tell more than a constant, and a ridge that has
            shrunk to a constant gives 0 or a little less.
        p_value: Share of permutations of the results with an r2 at least as high.
        seed: Seed of the permutations.
        held_out: Whether both errors are those of results on items that the fit did not see.
    """

    model_config = ConfigDict(frozen=True)

    subsets: int
    error: float
    constant_error: float
    r2: float
    p_value: float
    seed: int
    held_out: bool = False

    @property
    def signal(self) -> bool:
        """Whether the indicators predict the result of a held-out subset better than chance does."""
        return self.r2 > 0 and self.p_value <= _LEVEL


class LearnedQuality(BaseModel):
    """Weights of the indicators; `model_dump_json` keeps them for another pool.

    Attributes:
        indicators: Column names in order.
        intercept: Intercept of the regression, in units of the measured result.
        weights: Weight of each raw indicator, in units of the result per unit of the indicator.
        alpha: Ridge penalty.
        evidence: How far to believe it.
    """

    model_config = ConfigDict(frozen=True)

    indicators: tuple[str, ...]
    intercept: float
    weights: tuple[float, ...]
    alpha: float
    evidence: Evidence

    def score(self, values: Floats) -> Floats:
        """Quality of rows, each from its own indicators alone.

        Args:
            values: Shape (n, p), columns in the order of `indicators`.

        Returns:
            Shape (n,): the result that a subset of such rows would be expected to give.

        Raises:
            DataError: If a value is missing, or the columns are not as many as the indicators.
        """
        if values.ndim != 2 or values.shape[1] != len(self.weights):
            raise DataError(
                f"found values of shape {values.shape} for the indicators {', '.join(self.indicators)}"
            )
        bad = int((~np.isfinite(values)).any(axis=1).sum())
        if bad:
            raise DataError(
                f"{bad} rows lack one of {', '.join(self.indicators)}: exclude them before scoring"
            )
        result: Floats = self.intercept + (values * np.array(self.weights)).sum(axis=1)
        return result

    def warning(self) -> str | None:
        """One sentence if the measured subsets give no reason to use these weights, else None."""
        evidence = self.evidence
        if evidence.signal:
            return None
        on = HELD_OUT if evidence.held_out else ""
        return (
            f"no signal: over {evidence.subsets} measured subsets the means of "
            f"{', '.join(self.indicators)} predict a held-out result{on} with mean squared error "
            f"{evidence.error:.3g} where a constant has "
            f"{evidence.constant_error:.3g} (R² {evidence.r2:.2f}, permutation p {evidence.p_value:.2f}), so "
            "this quality may rank rows by noise: measure more subsets or use the preset 'sound'"
        )


def fit_learned(
    pairs: Sequence[MeasuredSubset], ids: Sequence[str], columns: Mapping[str, Floats], *, seed: int = 0
) -> LearnedQuality:
    """Learn a quality from measured subsets of a scored pool.

    Several results of one subset (other training seeds) are averaged first, so that it is held out as one.

    Args:
        pairs: Measured subsets; at least five different ones.
        ids: The n sample ids of the pool.
        columns: Indicator name to shape (n,); NaN where a row has no score.
        seed: Seed of the permutation test.

    Raises:
        DataError: If a pair names a row that the pool lacks, or no row of a subset has an indicator.
        ConfigError: If there are fewer than five different subsets or no indicator.
    """
    measured: dict[frozenset[str], list[MeasuredSubset]] = {}
    for pair in pairs:
        measured.setdefault(frozenset(pair.sample_ids), []).append(pair)
    values = np.column_stack([columns[name] for name in columns]) if columns else np.empty((len(ids), 0))
    means = subset_means(list(measured), ids, values, list(columns))
    results = np.array([np.mean([pair.result for pair in found]) for found in measured.values()])
    other = [[pair.held_out for pair in found if pair.held_out is not None] for found in measured.values()]
    held_out = np.array([np.mean(found) for found in other]) if all(other) else None
    sizes = np.array([len(subset) for subset in measured])
    return fit_subset_means(means, results, tuple(columns), held_out=held_out, sizes=sizes, seed=seed)


def subset_means(
    subsets: Sequence[frozenset[str]], ids: Sequence[str], values: Floats, indicators: Sequence[str]
) -> Floats:
    """Mean indicators of each subset over the rows that have one, shape (subsets, p).

    Raises:
        DataError: If a subset names a row that the pool lacks, or no row of a subset has an indicator.
    """
    row_of = {one: row for row, one in enumerate(ids)}
    means = np.empty((len(subsets), values.shape[1]))
    for number, subset in enumerate(subsets):
        unknown = sorted(subset - row_of.keys())
        if unknown:
            raise DataError(
                f"a measured subset names {len(unknown)} rows that the pool lacks, such as '{unknown[0]}': "
                "score the pool that the subsets were drawn from"
            )
        chosen = values[sorted(row_of[one] for one in subset)]
        there = np.isfinite(chosen)
        if not there.any(axis=0).all():
            lacking = indicators[int(np.argmin(there.any(axis=0)))]
            raise DataError(
                f"no row of a measured subset of {len(subset)} rows has a score '{lacking}': score it"
            )
        means[number] = np.where(there, chosen, 0).sum(axis=0) / there.sum(axis=0)
    return means


def fit_subset_means(
    means: Floats,
    results: Floats,
    indicators: tuple[str, ...],
    *,
    held_out: Floats | None = None,
    sizes: Ints | None = None,
    seed: int = 0,
) -> LearnedQuality:
    """Fit ridge on subset means and test it on held-out subsets.

    More rows give other results whatever they are, so subsets of several sizes are compared with those of
    their size: each is taken less the mean of its size, and one that is alone with its size does not count.

    Args:
        means: Shape (m, p): mean indicators of each subset.
        results: Shape (m,).
        indicators: Names of the p columns.
        held_out: Shape (m,): results on items that the fit must not see, which predictions are compared with;
            None to compare them with `results`.
        sizes: Shape (m,): rows of each subset; None for one size.
        seed: Seed of the permutation test.

    Raises:
        ConfigError: If there are fewer than five subsets or no indicator.
    """
    target = results if held_out is None else held_out
    groups = np.zeros(len(results), np.int64) if sizes is None else np.unique(sizes, return_inverse=True)[1]
    level, center = 0.0, np.zeros(means.shape[1])
    if groups.any():
        kept = np.bincount(groups)[groups] > 1
        groups = np.unique(groups[kept], return_inverse=True)[1]
        level = float(results[kept].sum()) / max(1, kept.sum())
        center = means[kept].sum(axis=0) / max(1, kept.sum())
        means, results, target = (_less_means(one[kept], groups) for one in (means, results, target))
    count = len(results)
    if count < MIN_SUBSETS or not indicators:
        raise ConfigError(
            f"the quality 'learned' found {count} different measured subsets and {len(indicators)} "
            f"indicators: it needs at least {MIN_SUBSETS} subsets and one indicator"
        )
    rng = np.random.default_rng(seed)
    orders = np.stack([np.arange(count), *(_shuffled(groups, rng) for _ in range(_PERMUTATIONS))], axis=1)
    fitted, targets = results[orders], target[orders]
    # Other items have another level: a prediction is moved by what the other subsets tell of it.
    others = (targets - fitted).sum(axis=0) - (targets - fitted)
    predictions = nested_predictions(means, fitted) + others / (count - 1)
    errors = ((predictions - targets) ** 2).mean(axis=0)
    # The mean of the others misses by n / (n - 1) times the deviation; it is the same for every permutation.
    constant_error = float(target.var() * (count / (count - 1)) ** 2)
    ridge = fit_ridge(means, results[:, None])
    evidence = Evidence(
        subsets=count,
        error=float(errors[0]),
        constant_error=constant_error,
        r2=float(1 - errors[0] / constant_error) if constant_error > 0 else 0.0,
        p_value=float((1 + (errors[1:] <= errors[0] * (1 + 1e-12)).sum()) / (1 + _PERMUTATIONS)),
        seed=seed,
        held_out=held_out is not None,
    )
    return LearnedQuality(
        indicators=indicators,
        intercept=level + float(ridge.intercept[0] - center @ ridge.coefficients[:, 0]),
        weights=tuple(ridge.coefficients[:, 0].tolist()),
        alpha=float(ridge.alpha[0]),
        evidence=evidence,
    )


def _less_means(values: Floats, groups: Ints) -> Floats:
    """Values less the mean of their group."""
    totals = np.zeros((groups.max(initial=-1) + 1, *values.shape[1:]))
    np.add.at(totals, groups, values)
    counts = np.bincount(groups).reshape(-1, *[1] * (values.ndim - 1))
    less: Floats = values - (totals / np.maximum(counts, 1))[groups]
    return less


def _shuffled(groups: Ints, rng: np.random.Generator) -> Ints:
    """A permutation that leaves every place in its group."""
    order = np.arange(len(groups))
    for group in range(groups.max(initial=0) + 1):
        places = np.flatnonzero(groups == group)
        order[places] = rng.permutation(places)
    return order
