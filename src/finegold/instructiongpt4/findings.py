"""What a replay shows: each figure computed from the files at hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.instructiongpt4.published import INDICATORS, SCALES, Published
from finegold.instructiongpt4.rule import select_rows
from finegold.instructiongpt4.selector import WIDTH, Selector
from finegold.instructiongpt4.training import Retrained, train_selector

_IMAGE, _TEXT, _INDICATORS = slice(0, 6), slice(6, 12), slice(12, 16)
_COLUMNS = {name: 12 + place for place, name in enumerate(INDICATORS)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure of a replay.

    Attributes:
        topic: Subject of the figure: "effective weights".
        measure: What was measured, in words that need no table head.
        value: The figure.
    """

    topic: str
    measure: str
    value: float


def replay_findings(published: Published, scores: Floats, *, flips: int = 20, seed: int = 0) -> list[Finding]:
    """Compute the figures about the released selector.

    Args:
        published: The released files.
        scores: Shape (n,): the released selector's scores of `published.features`.
        flips: Random choices of the PCA axes' signs.
        seed: Seed of the random halves of the pool and of the sign flips.
    """
    chosen = _chosen(published, scores)
    # Attention runs across the subsets, as in training.
    predictions = np.mean(
        [published.selector.score(rows) for rows in published.subsets.swapaxes(0, 1)], axis=0
    )
    return _findings(
        {
            "effective weights": _weights(published.features, scores),
            "what is chosen": _means(published.features, chosen),
            "quotas and truncation": _fragility(published, scores, chosen),
            "attention across the pool": _across_pool(published, scores, seed),
            "what the top 200 hangs on": _groups(published, scores),
            "arbitrary signs of the PCA axes": _signs(published, chosen, flips, seed),
            "fit of the released selector": _fit(predictions, published.results),
            "the 30 labels": _labels(published),
        }
    )


def retraining_findings(
    published: Published,
    retrained: Retrained,
    chosen: Ints,
    *,
    other_seeds: Sequence[int] = range(43, 48),
    seed: int = 0,
) -> list[Finding]:
    """Compute the figures about a selector trained again as published, and what that training depends on.

    Args:
        published: The released files.
        retrained: Trained on the published labels with the published seed.
        chosen: Row indices that the released selector chooses.
        other_seeds: Seeds of initial weights to compare with.
        seed: Seed of the label permutation.
    """
    results = published.results

    def trained(labels: Floats, initial: int = 42) -> Selector:
        return train_selector(published.subsets, labels, seed=initial).selector

    def shared(selector: Selector) -> float:
        return _shared(chosen, _chosen(published, selector.score(published.features)))

    def last_layer_difference(selector: Selector) -> float:
        return _largest(selector.weights["linear.weight"] - published.selector.weights["linear.weight"])

    others = [trained(results, initial) for initial in other_seeds]
    kept = [shared(selector) for selector in others]
    permuted = np.random.default_rng(seed).permutation(results)
    return _findings(
        {
            "retraining": {
                "loss before step 1": retrained.losses[0],
                "loss before step 20": retrained.losses[-1],
                "largest difference to the released last layer": last_layer_difference(retrained.selector),
                "the same from another seed, least": min(map(last_layer_difference, others)),
            },
            "fit of the retrained selector": _fit(retrained.predictions, results),
            "rows of 200 shared with the released choice": {
                "retrained as published": shared(retrained.selector),
                "every label replaced by their mean": shared(trained(np.full_like(results, results.mean()))),
                "labels permuted among the subsets": shared(trained(permuted)),
                f"true labels, {len(kept)} other seeds, mean": np.mean(kept),
                f"true labels, {len(kept)} other seeds, least": min(kept),
            },
        }
    )


def _findings(topics: Mapping[str, Mapping[str, float | np.floating]]) -> list[Finding]:
    return [
        Finding(topic, measure, float(value))
        for topic, measures in topics.items()
        for measure, value in measures.items()
    ]


def _chosen(published: Published, scores: Floats, *, truncate: bool = True) -> Ints:
    return select_rows(scores, published.labels, published.cluster_order, truncate=truncate)


def _shared(left: Ints, right: Ints) -> int:
    return len(np.intersect1d(left, right))


def _top(scores: Floats, size: int = 200) -> Ints:
    return np.argsort(-scores, kind="stable")[:size].astype(np.int64)


def _correlation(left: Floats, right: Floats) -> float:
    return float(np.corrcoef(left, right)[0, 1])


def _largest(coefficients: Floats) -> float:
    return float(np.abs(coefficients).max())


def _of_indicators(measure: str, value: Callable[[int], float]) -> dict[str, float]:
    """One figure for the column of each indicator, whose name comes after the words of the measure."""
    return {f"{measure} {name}": value(column) for name, column in _COLUMNS.items()}


def _r_squared(features: Floats, target: Floats) -> tuple[Floats, float]:
    """Least squares with an intercept: standardised coefficients and R2."""
    standardised = (features - features.mean(axis=0)) / features.std(axis=0)
    coefficients = np.linalg.lstsq(standardised, target - target.mean(), rcond=None)[0]
    residual = target - target.mean() - standardised @ coefficients
    return coefficients, float(1 - residual.var() / target.var())


def _weights(features: Floats, scores: Floats) -> dict[str, float]:
    coefficients, r2 = _r_squared(features, scores)
    return {
        "R2 of a linear fit of the score on the 16 features": r2,
        **_of_indicators("standardised coefficient of", lambda column: coefficients[column]),
        "largest standardised coefficient of a text axis": _largest(coefficients[_TEXT]),
        "largest standardised coefficient of an image axis": _largest(coefficients[_IMAGE]),
        **_of_indicators(
            "correlation of the score with", lambda column: _correlation(features[:, column], scores)
        ),
    }


def _means(features: Floats, chosen: Ints) -> dict[str, float]:
    means = {}
    for name, column in _COLUMNS.items():
        means[f"mean {name}, pool"] = features[:, column].mean() / SCALES[name]
        means[f"mean {name}, chosen 200"] = features[chosen, column].mean() / SCALES[name]
    return means


def _fragility(published: Published, scores: Floats, chosen: Ints) -> dict[str, float]:
    exact = _chosen(published, scores, truncate=False)
    return {
        "different values of int(score) in the pool": len(np.unique(np.trunc(scores))),
        "rows of 200 shared with sorting by the score itself": _shared(chosen, exact),
        "rows of 200 shared with the plain top 200, no clusters": _shared(chosen, _top(scores)),
        "distance of the closest score to a whole number, where truncation jumps": np.abs(
            scores - np.round(scores)
        ).min(),
    }


def _across_pool(published: Published, scores: Floats, seed: int) -> dict[str, float]:
    def alone(rows: Ints) -> Floats:
        return published.selector.score(published.features[rows])

    second = np.arange(0, len(scores), 2)
    without_others = alone(second)
    rng = np.random.default_rng(seed)
    shifts, shared = [], []
    for _ in range(5):
        half = np.sort(rng.permutation(len(scores))[: len(scores) // 2])
        found = alone(half)
        shifts.append(np.abs(found - scores[half]).mean())
        shared.append(_shared(_top(found, 100), _top(scores[half], 100)))
    return {
        "mean shift of a score when every second row is scored": np.abs(
            without_others - scores[second]
        ).mean(),
        "correlation of those scores with the ones in the whole pool": _correlation(
            without_others, scores[second]
        ),
        "mean shift over five random halves": np.mean(shifts),
        "rows that keep their place in the top 100 of such a half": np.mean(shared),
    }


def _groups(published: Published, scores: Floats) -> dict[str, float]:
    kept: dict[str, float] = {}
    groups: dict[str, slice | int] = {"image": _IMAGE, "text": _TEXT, **_COLUMNS}
    for name, columns in groups.items():
        features = published.features.copy()
        features[:, columns] = features[:, columns].mean(axis=0)
        shared = _shared(_top(scores), _top(published.selector.score(features)))
        kept[f"rows kept when {name} is set to its mean"] = shared
    return kept


def _signs(published: Published, chosen: Ints, flips: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    shared = []
    for _ in range(flips):
        signs = np.ones(WIDTH)
        signs[:12] = rng.choice([-1.0, 1.0], size=12)
        flipped = published.selector.score(published.features * signs)
        shared.append(_shared(chosen, _chosen(published, flipped)))
    return {
        f"rows of 200 kept over {flips} random flips, mean": np.mean(shared),
        f"rows of 200 kept over {flips} random flips, least": np.min(shared),
    }


def _fit(predictions: Floats, results: Floats) -> dict[str, float]:
    return {
        "mean squared error on its own 30 labels": ((predictions - results) ** 2).mean(),
        "the same for their mean, a constant": results.var(),
        "correlation of its predictions with the labels": _correlation(predictions, results),
    }


def _labels(published: Published) -> dict[str, float]:
    means, results = published.subsets.mean(axis=1), published.results
    _, r2 = _r_squared(means[:, _INDICATORS], results)
    rows, columns = len(results), len(INDICATORS)
    return {
        **_of_indicators(
            "correlation with the subsets' mean", lambda column: _correlation(means[:, column], results)
        ),
        "adjusted R2 of least squares on the four indicators": 1
        - (1 - r2) * (rows - 1) / (rows - columns - 1),
        "largest subset mean of an image or text axis (PCA per subset)": _largest(means[:, :12]),
    }
