"""Ridge regression with nested leave-one-out, for many target vectors at once.

Hoerl and Kennard 1970; the leave-one-out residual of a linear smoother is its residual over one minus its
leverage. Nesting (Varma and Simon 2006, doi 10.1186/1471-2105-7-91) keeps the choice of the penalty out
of the estimate.
"""

from typing import NamedTuple

import numpy as np

from finegold.arrays import Floats

ALPHAS = 10.0 ** np.arange(-2, 4.5, 0.5)
"""Penalties on standardised features, in units of one subset: at 10,000 a fit on 30 is a constant."""


class Ridge(NamedTuple):
    """A fitted line for each of t target vectors.

    Attributes:
        intercept: Shape (t,).
        coefficients: Shape (p, t), of the raw features; 0 for a feature that does not vary.
        alpha: Shape (t,): chosen penalties.
    """

    intercept: Floats
    coefficients: Floats
    alpha: Floats


def fit_ridge(features: Floats, targets: Floats, alphas: Floats = ALPHAS) -> Ridge:
    """Fit with the penalty of least leave-one-out error, chosen for each target vector apart.

    Args:
        features: Shape (n, p), standardised inside by their own mean and deviation.
        targets: Shape (n, t).
        alphas: Penalties to choose from, ascending; equal errors go to the larger.
    """
    center = features.mean(axis=0)
    spread = features.std(axis=0)
    flat = spread <= 1e-12 * np.abs(features).max(axis=0, initial=1.0)
    scale = np.where(flat, np.inf, spread)
    left, singular, right = np.linalg.svd((features - center) / scale, full_matrices=False)
    mean = targets.mean(axis=0)
    projected = left.T @ (targets - mean)
    errors = np.empty((len(alphas), targets.shape[1]))
    for row, alpha in enumerate(alphas):
        shrink = (singular**2 / (singular**2 + alpha))[:, None]
        residual = targets - mean - left @ (shrink * projected)
        leverage = 1 / len(features) + (left**2) @ shrink
        errors[row] = ((residual / (1 - leverage)) ** 2).mean(axis=0)
    best = len(alphas) - 1 - np.argmin(errors[::-1], axis=0)
    alpha = alphas[best]
    coefficients = (right.T @ (singular[:, None] / (singular[:, None] ** 2 + alpha) * projected)) / scale[
        :, None
    ]
    return Ridge(mean - center @ coefficients, coefficients, alpha)


def nested_predictions(features: Floats, targets: Floats, alphas: Floats = ALPHAS) -> Floats:
    """Predict each row by a ridge fitted, penalty included, on the others.

    Args:
        features: Shape (n, p).
        targets: Shape (n, t).
        alphas: Penalties to choose from; see `fit_ridge`.

    Returns:
        Shape (n, t).
    """
    predictions = np.empty_like(targets)
    for row in range(len(features)):
        others = np.arange(len(features)) != row
        ridge = fit_ridge(features[others], targets[others], alphas)
        predictions[row] = ridge.intercept + features[row] @ ridge.coefficients
    return predictions
