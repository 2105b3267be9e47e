"""What a replay shows: each figure computed from the files at hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.instructiongpt4.published import FEATURES, INDICATORS, Published
from finegold.instructiongpt4.rule import select_rows
from finegold.instructiongpt4.selector import Selector
from finegold.instructiongpt4.training import Retrained, train_selector

_IMAGE, _TEXT, _INDICATORS = slice(0, 6), slice(6, 12), slice(12, 16)
_GROUPS: dict[str, slice] = {"image": _IMAGE, "text": _TEXT} | {
    name: slice(12 + column, 13 + column) for column, name in enumerate(INDICATORS)
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure.

    Attributes:
        topic: What it speaks about: "effective weights".
        measure: What was measured, in words that need no table head.
        value: The figure.
    """

    topic: str
    measure: str
    value: float


def replay_findings(published: Published, scores: Floats, *, flips: int = 20, seed: int = 0) -> list[Finding]:
    """Figures about the released selector.

    Args:
        published: The released files.
        scores: Shape (n,): the released selector's scores of `published.features`.
        flips: Random choices of the PCA axes' signs.
        seed: Of the random halves of the pool and the sign flips.
    """
    chosen = _chosen(published, scores)
    return [
        *_weights(published.features, scores),
        *_chosen_means(published.features, chosen),
        *_fragility(published, scores, chosen),
        *_across_pool(published, scores, seed),
        *_groups(published, scores),
        *_signs(published, chosen, flips, seed),
        *_fit("fit of the released selector", _subset_predictions(published), published.results),
        *_labels(published),
    ]


def retraining_findings(
    published: Published,
    retrained: Retrained,
    chosen: Ints,
    *,
    other_seeds: Sequence[int] = range(43, 48),
    seed: int = 0,
) -> list[Finding]:
    """Figures about a selector trained again as published, and about what that training hangs on.

    Args:
        published: The released files.
        retrained: Trained on the published labels with the published seed.
        chosen: Row indices that the released selector chooses.
        other_seeds: Initial weights to compare with.
        seed: Of the label permutation.
    """
    topic, what_if = "retraining", "rows of 200 shared with the released choice"
    results = published.results

    def selector_of(labels: Floats, initial: int = 42) -> Selector:
        return train_selector(published.subsets, labels, seed=initial).selector

    def shared(selector: Selector) -> float:
        return _shared(published, selector.score(published.features), chosen)

    def last_layer_difference(selector: Selector) -> float:
        return _largest(selector.weights["linear.weight"] - published.selector.weights["linear.weight"])

    others = [selector_of(results, initial) for initial in other_seeds]
    kept = [shared(selector) for selector in others]
    return [
        Finding(topic, "loss before step 1", float(retrained.losses[0])),
        Finding(topic, "loss before step 20", float(retrained.losses[-1])),
        Finding(
            topic, "largest difference to the released last layer", last_layer_difference(retrained.selector)
        ),
        Finding(topic, "the same from another seed, least", min(map(last_layer_difference, others))),
        *_fit("fit of the retrained selector", retrained.predictions, results),
        Finding(what_if, "retrained as published", shared(retrained.selector)),
        Finding(
            what_if,
            "every label replaced by their mean",
            shared(selector_of(np.full_like(results, results.mean()))),
        ),
        Finding(
            what_if,
            "labels permuted among the subsets",
            shared(selector_of(np.random.default_rng(seed).permutation(results))),
        ),
        Finding(what_if, f"true labels, {len(kept)} other seeds, mean", float(np.mean(kept))),
        Finding(what_if, f"true labels, {len(kept)} other seeds, least", min(kept)),
    ]


def _chosen(published: Published, scores: Floats, *, truncate: bool = True) -> Ints:
    return select_rows(scores, published.labels, published.cluster_order, truncate=truncate)


def _shared(published: Published, scores: Floats, chosen: Ints) -> float:
    return float(len(np.intersect1d(_chosen(published, scores), chosen)))


def _top(scores: Floats, size: int = 200) -> Ints:
    return np.argsort(-scores, kind="stable")[:size].astype(np.int64)


def _correlation(left: Floats, right: Floats) -> float:
    return float(np.corrcoef(left, right)[0, 1])


def _r_squared(features: Floats, target: Floats) -> tuple[Floats, float]:
    """Least squares with an intercept: standardised coefficients and R2."""
    standardised = (features - features.mean(axis=0)) / features.std(axis=0)
    coefficients = np.linalg.lstsq(standardised, target - target.mean(), rcond=None)[0]
    residual = target - target.mean() - standardised @ coefficients
    return coefficients, float(1 - residual.var() / target.var())


def _weights(features: Floats, scores: Floats) -> list[Finding]:
    topic = "effective weights"
    coefficients, r2 = _r_squared(features, scores)
    found = [Finding(topic, "R2 of a linear fit of the score on the 16 features", r2)]
    for name, column in zip(INDICATORS, range(12, 16), strict=True):
        found.append(Finding(topic, f"standardised coefficient of {name}", float(coefficients[column])))
    found.append(
        Finding(topic, "largest standardised coefficient of a text axis", _largest(coefficients[_TEXT]))
    )
    found.append(
        Finding(topic, "largest standardised coefficient of an image axis", _largest(coefficients[_IMAGE]))
    )
    for name, column in zip(INDICATORS, range(12, 16), strict=True):
        found.append(
            Finding(topic, f"correlation of the score with {name}", _correlation(features[:, column], scores))
        )
    return found


def _largest(coefficients: Floats) -> float:
    return float(np.abs(coefficients).max())


def _chosen_means(features: Floats, chosen: Ints) -> list[Finding]:
    found = []
    for name, column in zip(INDICATORS, range(12, 16), strict=True):
        scale = 10.0 if name in ("reward", "length") else 1.0
        found.append(
            Finding("what is chosen", f"mean {name}, pool", float(features[:, column].mean() / scale))
        )
        found.append(
            Finding(
                "what is chosen", f"mean {name}, chosen 200", float(features[chosen, column].mean() / scale)
            )
        )
    return found


def _fragility(published: Published, scores: Floats, chosen: Ints) -> list[Finding]:
    topic = "quotas and truncation"
    exact = _chosen(published, scores, truncate=False)
    return [
        Finding(topic, "different values of int(score) in the pool", float(len(np.unique(np.trunc(scores))))),
        Finding(
            topic,
            "rows of 200 shared with sorting by the score itself",
            float(len(np.intersect1d(chosen, exact))),
        ),
        Finding(
            topic,
            "rows of 200 shared with the plain top 200, no clusters",
            float(len(np.intersect1d(chosen, _top(scores)))),
        ),
        Finding(
            topic,
            "distance of the closest score to a whole number, where truncation jumps",
            float(np.abs(scores - np.round(scores)).min()),
        ),
    ]


def _across_pool(published: Published, scores: Floats, seed: int) -> list[Finding]:
    topic = "attention across the pool"
    half = np.arange(0, len(scores), 2)
    alone = published.selector.score(published.features[half])
    found = [
        Finding(
            topic,
            "mean shift of a score when every second row is scored",
            float(np.abs(alone - scores[half]).mean()),
        ),
        Finding(
            topic,
            "correlation of those scores with the ones in the whole pool",
            _correlation(alone, scores[half]),
        ),
    ]
    rng = np.random.default_rng(seed)
    shifts, shared = [], []
    for _ in range(5):
        half = np.sort(rng.permutation(len(scores))[: len(scores) // 2])
        alone = published.selector.score(published.features[half])
        shifts.append(np.abs(alone - scores[half]).mean())
        shared.append(len(np.intersect1d(_top(alone, 100), _top(scores[half], 100))))
    found.append(Finding(topic, "mean shift over five random halves", float(np.mean(shifts))))
    found.append(
        Finding(topic, "rows that keep their place in the top 100 of such a half", float(np.mean(shared)))
    )
    return found


def _groups(published: Published, scores: Floats) -> list[Finding]:
    top = _top(scores)
    found = []
    for name, columns in _GROUPS.items():
        features = published.features.copy()
        features[:, columns] = features[:, columns].mean(axis=0)
        kept = len(np.intersect1d(top, _top(published.selector.score(features))))
        found.append(
            Finding("what the top 200 hangs on", f"rows kept when {name} is set to its mean", float(kept))
        )
    return found


def _signs(published: Published, chosen: Ints, flips: int, seed: int) -> list[Finding]:
    topic = "arbitrary signs of the PCA axes"
    rng = np.random.default_rng(seed)
    shared = []
    for _ in range(flips):
        signs = np.ones(len(FEATURES))
        signs[:12] = rng.choice([-1.0, 1.0], size=12)
        shared.append(_shared(published, published.selector.score(published.features * signs), chosen))
    return [
        Finding(topic, f"rows of 200 kept over {flips} random flips, mean", float(np.mean(shared))),
        Finding(topic, f"rows of 200 kept over {flips} random flips, least", float(np.min(shared))),
    ]


def _subset_predictions(published: Published) -> Floats:
    """Mean score of each training subset, with attention across the subsets as in training."""
    columns = [
        published.selector.score(published.subsets[:, row]) for row in range(published.subsets.shape[1])
    ]
    mean: Floats = np.mean(columns, axis=0)
    return mean


def _fit(topic: str, predictions: Floats, results: Floats) -> list[Finding]:
    return [
        Finding(
            topic, "mean squared error on its own 30 labels", float(((predictions - results) ** 2).mean())
        ),
        Finding(topic, "the same for their mean, a constant", float(results.var())),
        Finding(topic, "correlation of its predictions with the labels", _correlation(predictions, results)),
    ]


def _labels(published: Published) -> list[Finding]:
    topic = "the 30 labels"
    means = published.subsets.mean(axis=1)
    found = [
        Finding(
            topic,
            f"correlation with the subsets' mean {name}",
            _correlation(means[:, column], published.results),
        )
        for name, column in zip(INDICATORS, range(12, 16), strict=True)
    ]
    _, r2 = _r_squared(means[:, _INDICATORS], published.results)
    rows, columns = len(published.results), len(INDICATORS)
    adjusted = 1 - (1 - r2) * (rows - 1) / (rows - columns - 1)
    found.append(Finding(topic, "adjusted R2 of least squares on the four indicators", adjusted))
    found.append(
        Finding(
            topic, "largest subset mean of an image or text axis (PCA per subset)", _largest(means[:, :12])
        )
    )
    return found
