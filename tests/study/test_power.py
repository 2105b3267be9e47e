"""Power by formula beside power by simulation, on results drawn from known variances."""

from pathlib import Path

import numpy as np
import pytest
from tests.study.test_task_table import _metric, _study

from finegold.arrays import Floats
from finegold.statistics import HierarchicalBootstrap, SeedMeasure
from finegold.study.measure import Metric
from finegold.study.power import Variances, contributions, study_power, variances

SEEDS, IMAGES = 5, 120
TRUE = Variances(seeds=2 * 0.02**2, images=0.10**2, both=2 * 0.2**2)


def _draw(
    rng: np.random.Generator, difference: float, seeds: int = SEEDS, images: int = IMAGES
) -> list[Floats]:
    """Results of two arms: shape (seeds, images) each."""
    hard = rng.normal(0.5, 0.3, images)
    own = rng.normal(0, np.sqrt(TRUE.images), images)
    return [
        hard
        + change
        + rng.normal(0, np.sqrt(TRUE.seeds / 2), (seeds, 1))
        + rng.normal(0, np.sqrt(TRUE.both / 2), (seeds, images))
        for change in (own + difference, np.zeros(images))
    ]


def _measure(values: Floats) -> SeedMeasure:
    statistics = np.stack([values, np.ones_like(values)], axis=2)
    return SeedMeasure(statistics, lambda sums: sums[:, 0] / sums[:, 1])


def test_variances_are_those_that_results_were_drawn_from() -> None:
    rng = np.random.default_rng(0)
    found = [variances(*_draw(rng, 0.0)) for _ in range(200)]
    for part in ("seeds", "images", "both"):
        mean = np.mean([getattr(one, part) for one in found])
        assert mean == pytest.approx(getattr(TRUE, part), rel=0.15)


def test_the_smallest_difference_is_seen_four_times_out_of_five() -> None:
    smallest = TRUE.smallest(SEEDS, IMAGES, 0.95)
    rng = np.random.default_rng(1)
    seen, count = 0, 300
    bootstrap = HierarchicalBootstrap.of(range(IMAGES), replicates=300, level=0.95)
    for _ in range(count):
        arm, baseline = map(_measure, _draw(rng, smallest))
        ends = bootstrap.difference(arm, baseline).ends
        assert ends is not None
        seen += ends[0] > 0
    # Five seeds tell their own spread roughly, so the intervals are a little narrow or wide.
    assert 0.72 < seen / count < 0.92


def test_seeds_and_images_that_are_needed_are_the_fewest() -> None:
    seeds = TRUE.seeds_needed(0.04, IMAGES, 0.95)
    images = TRUE.images_needed(0.06, SEEDS, 0.95)
    assert seeds is not None
    assert images is not None
    assert TRUE.smallest(seeds, IMAGES, 0.95) <= 0.04 < TRUE.smallest(seeds - 1, IMAGES, 0.95)
    assert TRUE.smallest(SEEDS, images, 0.95) <= 0.06 < TRUE.smallest(SEEDS, images - 1, 0.95)
    # No number of seeds makes up for too few images, nor of images for too few seeds.
    assert TRUE.seeds_needed(0.01, IMAGES, 0.95) is None
    assert TRUE.images_needed(0.01, SEEDS, 0.95) is None


def test_contributions_sum_to_the_results_of_the_seeds_and_share_images() -> None:
    rng = np.random.default_rng(2)
    one, two = rng.random((3, 6)), rng.random((3, 4))
    first, second = _metric("vsr", {"a": _measure(one)}), _metric("okvqa", {"a": _measure(two)})
    found = contributions([first, second], "a", [0.5, 2.0])
    # The second task's four images are the first four of the other one.
    assert found.shape == (3, 6)
    assert found.mean(axis=1) == pytest.approx(0.5 * one.mean(axis=1) + 2.0 * two.mean(axis=1))
    # What an image adds is its part of both means.
    mean = found.mean(axis=1, keepdims=True)
    by_hand = 0.5 * (one - one.mean(axis=1, keepdims=True))
    by_hand[:, :4] += 2.0 * (two - two.mean(axis=1, keepdims=True)) * 6 / 4
    assert found - mean == pytest.approx(by_hand)


def test_a_study_says_what_would_show_a_point(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    metrics: list[Metric] = []
    for task in ("vsr", "okvqa"):
        arm, baseline = map(_measure, _draw(rng, 0.0))
        arms = {"pre-trained": _measure(baseline.statistics[:1, :, 0]), "all rows": arm, "random": baseline}
        metrics.append(_metric(task, arms, "strict"))
    found = study_power(metrics, _study(tmp_path), "all rows")  # type: ignore[arg-type]
    assert [one.title for one in found] == [
        "vsr, strict: accuracy",
        "okvqa, strict: accuracy",
        "relative to all rows, %",
    ]
    for one in found:
        assert (one.seeds, one.images) == (SEEDS, IMAGES)
        assert 0.02 < one.smallest < 0.3
        assert one.seeds_needed is None, "a point is too little for 120 images"
