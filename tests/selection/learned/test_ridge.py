from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.selection.learned import ALPHAS, fit_ridge, nested_predictions


def direct_fit(features: Any, target: Any, alphas: Any) -> Any:
    """The definition: standardise, solve, and leave each row out in a loop."""

    def solve(x: Any, y: Any, alpha: Any) -> Any:
        design = np.column_stack([np.ones(len(x)), x])
        penalty = alpha * np.eye(design.shape[1])
        penalty[0, 0] = 0
        return np.linalg.solve(design.T @ design + penalty, design.T @ y)

    x = (features - features.mean(axis=0)) / features.std(axis=0)
    errors = []
    for alpha in alphas:
        held_out = [
            target[row] - np.r_[1, x[row]] @ solve(np.delete(x, row, 0), np.delete(target, row), alpha)
            for row in range(len(x))
        ]
        errors.append(np.mean(np.square(held_out)))
    best = min(range(len(alphas)), key=lambda row: (errors[row], -alphas[row]))
    return alphas[best], solve(x, target, alphas[best])[1:] / features.std(axis=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 12), st.integers(1, 4))
def test_fit_equals_the_definition(seed: int, rows: int, columns: Any) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, columns)) * [10, 0.1, 1, 3][:columns] + 5
    target = features @ rng.normal(size=columns) + rng.normal(size=rows)

    ridge = fit_ridge(features, target[:, None])
    alpha, coefficients = direct_fit(features, target, ALPHAS)

    assert ridge.alpha[0] == alpha
    np.testing.assert_allclose(ridge.coefficients[:, 0], coefficients, rtol=1e-6)


def test_many_targets_are_fitted_as_if_each_were_alone() -> None:
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(9, 3)), rng.normal(size=(9, 4))
    targets[:, 1] += 3 * features[:, 2]

    together = nested_predictions(features, targets)

    for column in range(4):
        alone = nested_predictions(features, targets[:, [column]])[:, 0]
        np.testing.assert_allclose(together[:, column], alone, rtol=1e-9)


def test_a_held_out_result_never_reaches_its_own_prediction() -> None:
    rng = np.random.default_rng(0)
    features, target = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    changed = target.copy()
    changed[3] = 1000

    assert nested_predictions(features, changed)[3] == pytest.approx(nested_predictions(features, target)[3])


def test_a_column_that_does_not_vary_gets_no_weight() -> None:
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.normal(size=8), np.full(8, 0.1)])

    ridge = fit_ridge(features, features[:, :1] * 2)

    assert ridge.coefficients[1, 0] == 0
    assert ridge.coefficients[0, 0] == pytest.approx(2, rel=0.01)
