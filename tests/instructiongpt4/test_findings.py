"""The figures that a replay of the released selector is known to give, each within its rounding."""

from typing import Any

import pytest

from finegold.instructiongpt4 import replay_findings, retraining_findings


@pytest.fixture(scope="module")
def figures(replay: Any) -> Any:
    found = replay_findings(replay.published, replay.scores, flips=1)
    return {(one.topic, one.measure): one.value for one in found}


KNOWN = [
    ("effective weights", "R2 of a linear fit of the score on the 16 features", 0.958, 0.0005),
    ("effective weights", "standardised coefficient of reward", 2.17, 0.005),
    ("effective weights", "standardised coefficient of gpt", 0.95, 0.005),
    ("effective weights", "standardised coefficient of clip", 0.44, 0.005),
    ("effective weights", "standardised coefficient of length", 0.35, 0.005),
    ("effective weights", "largest standardised coefficient of a text axis", 1.01, 0.005),
    ("effective weights", "largest standardised coefficient of an image axis", 0.30, 0.005),
    ("effective weights", "correlation of the score with reward", 0.80, 0.005),
    ("effective weights", "correlation of the score with gpt", 0.61, 0.005),
    ("effective weights", "correlation of the score with length", 0.26, 0.005),
    ("effective weights", "correlation of the score with clip", 0.01, 0.005),
    ("what is chosen", "mean clip, chosen 200", 31.9, 0.05),
    ("what is chosen", "mean reward, chosen 200", 6.9, 0.05),
    ("what is chosen", "mean length, chosen 200", 4.1, 0.05),
    ("what is chosen", "mean gpt, chosen 200", 93.7, 0.05),
    ("quotas and truncation", "different values of int(score) in the pool", 27, 0),
    ("quotas and truncation", "rows of 200 shared with sorting by the score itself", 155, 0),
    ("quotas and truncation", "rows of 200 shared with the plain top 200, no clusters", 145, 0),
    ("attention across the pool", "mean shift of a score when every second row is scored", 0.96, 0.005),
    (
        "attention across the pool",
        "correlation of those scores with the ones in the whole pool",
        0.977,
        0.0005,
    ),
    ("what the top 200 hangs on", "rows kept when reward is set to its mean", 53, 0),
    ("what the top 200 hangs on", "rows kept when text is set to its mean", 82, 0),
    ("what the top 200 hangs on", "rows kept when gpt is set to its mean", 124, 0),
    ("what the top 200 hangs on", "rows kept when clip is set to its mean", 142, 0),
    ("what the top 200 hangs on", "rows kept when image is set to its mean", 143, 0),
    ("what the top 200 hangs on", "rows kept when length is set to its mean", 145, 0),
    ("arbitrary signs of the PCA axes", "rows of 200 kept over 1 random flips, mean", 68, 50),
    ("fit of the released selector", "mean squared error on its own 30 labels", 5.3, 0.05),
    ("fit of the released selector", "the same for their mean, a constant", 0.37, 0.005),
    ("fit of the released selector", "correlation of its predictions with the labels", -0.05, 0.005),
    ("the 30 labels", "correlation with the subsets' mean clip", 0.01, 0.005),
    ("the 30 labels", "correlation with the subsets' mean reward", 0.00, 0.005),
    ("the 30 labels", "correlation with the subsets' mean length", 0.08, 0.005),
    ("the 30 labels", "correlation with the subsets' mean gpt", -0.25, 0.005),
    ("the 30 labels", "adjusted R2 of least squares on the four indicators", -0.04, 0.005),
]


@pytest.mark.parametrize(("topic", "measure", "value", "tolerance"), KNOWN)
def test_figure(figures: Any, topic: str, measure: str, value: Any, tolerance: Any) -> None:
    assert figures[topic, measure] == pytest.approx(value, abs=tolerance)


def test_subset_means_of_the_axes_carry_no_signal_since_pca_was_fitted_per_subset(figures: Any) -> None:
    assert figures["the 30 labels", "largest subset mean of an image or text axis (PCA per subset)"] < 2e-6


def test_what_is_chosen_hangs_on_the_seed_more_than_on_the_labels(replay: Any, retrained: Any) -> None:
    found = retraining_findings(replay.published, retrained, replay.chosen, other_seeds=[43])
    shared = {one.measure: one.value for one in found}

    assert shared["every label replaced by their mean"] > 100
    assert shared["labels permuted among the subsets"] > 100
    assert shared["true labels, 1 other seeds, mean"] < 100
