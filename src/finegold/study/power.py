"""How small a difference a study can see, and what it would take to see one of a point.

Seeds and images are crossed: each seed's model answers for every image. A difference of two arms varies by
seeds / S + images / G + both / (S G) for S seeds of each arm and G images (two-way random effects, Searle,
Casella and McCulloch 1992, chapter 4). A bootstrap that draws seeds and images counts the last part three
times (Owen 2007, the pigeonhole bootstrap, Ann. Appl. Stat. 1), so a difference is seen with probability 0.8
if it is 1.96 standard errors of the bootstrap and 0.84 of its own.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from finegold.arrays import Floats
from finegold.report.study.findings import Power
from finegold.study.measure import Metric, first_by_task
from finegold.study.study import Study

CHANCE = 0.8
"""Probability with which a difference shall be seen."""
POINT = 0.01
"""The difference that is asked about: one point of what is printed times 100."""


@dataclass(frozen=True, slots=True)
class Variances:
    """What makes the difference of two arms vary.

    Attributes:
        seeds: Variance between the seeds, of both arms together.
        images: Variance between the images of the difference that all seeds have.
        both: Variance of what one seed does on one image, of both arms together.
    """

    seeds: float
    images: float
    both: float

    def smallest(self, seeds: float, images: float, level: float) -> float:
        """The difference that is seen with probability `CHANCE`, for seeds of each arm and images."""
        both = self.both / (seeds * images)
        own = self.seeds / seeds + self.images / images + both
        normal = NormalDist()
        return normal.inv_cdf((1 + level) / 2) * sqrt(own + 2 * both) + normal.inv_cdf(CHANCE) * sqrt(own)

    def seeds_needed(self, difference: float, images: int, level: float) -> int | None:
        """Seeds of each arm that see a difference over that many images; None if a million does not."""
        return _fewest(lambda seeds: self.smallest(seeds, images, level) <= difference)

    def images_needed(self, difference: float, seeds: int, level: float) -> int | None:
        """Images on which that many seeds of each arm see a difference; None if a million does not."""
        return _fewest(lambda images: self.smallest(seeds, images, level) <= difference)


def _fewest(enough: Callable[[int], bool]) -> int | None:
    """The smallest number from 2 to a million that is enough, where every larger one is too."""
    numbers = range(2, 1_000_001)
    found = bisect_left(numbers, True, key=enough)
    return None if found == len(numbers) else numbers[found]


def variances(arm: Floats, baseline: Floats) -> Variances:
    """Variances of the difference of two arms, by analysis of variance; none is below 0.

    Args:
        arm: What each seed and image adds, so that the mean over images is the seed's result: shape (seeds,
            images), two seeds or more.
        baseline: The same of the baseline, on the same images.
    """
    several = [_of_arm(one) for one in (arm, baseline)]
    images = arm.shape[1]
    noise = sum(both / len(one) for (_, both), one in zip(several, (arm, baseline), strict=True))
    between = float((arm.mean(axis=0) - baseline.mean(axis=0)).var(ddof=1)) - noise
    seeds = sum(max(0.0, means - both / images) for means, both in several)
    return Variances(seeds, max(0.0, between), sum(both for _, both in several))


def _of_arm(values: Floats) -> tuple[float, float]:
    """Variance of the seeds' means, and of what is left after the effects of seeds and images."""
    seeds, images = values.shape
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True) + values.mean()
    return float(values.mean(axis=1).var(ddof=1)), float((rest**2).sum() / ((seeds - 1) * (images - 1)))


def contributions(metrics: Sequence[Metric], arm: str, factors: Sequence[float]) -> Floats:
    """What each seed and image adds to a sum of metrics, shape (seeds, images).

    By the jackknife, so for any rule from sums to a number. An image that several tasks have adds to all.

    Args:
        metrics: The metrics, each of another task.
        arm: Name of the arm.
        factors: What each metric is multiplied by in the sum.
    """
    places: dict[str, int] = {}
    for metric in metrics:
        for image in metric.images:
            places.setdefault(image, len(places))
    total: Floats = np.zeros((len(metrics[0].arms[arm].statistics), len(places)))
    for metric, factor in zip(metrics, factors, strict=True):
        measure = metric.arms[arm]
        own = list(dict.fromkeys(metric.images))
        label = {image: at for at, image in enumerate(own)}
        labels = np.array([label[image] for image in metric.images])
        sums = np.zeros((len(measure.statistics), len(own), measure.statistics.shape[2]))
        for seed, statistics in enumerate(measure.statistics):
            np.add.at(sums[seed], labels, statistics)
        whole = measure.by_seed
        without = np.stack([measure.combine(one.sum(axis=0) - one) for one in sums])
        added = (len(own) - 1) * (without.mean(axis=1, keepdims=True) - without) / len(own)
        found = np.repeat(whole[:, None], len(places), axis=1) * factor
        found[:, [places[image] for image in own]] += factor * added * len(places)
        total += found
    return total


def study_power(metrics: Sequence[Metric], study: Study, whole: str | None) -> tuple[Power, ...]:
    """What it takes to see a point in the first metric of each task, and in relative performance.

    Variances are the mean over the arms of two seeds or more, each beside its baseline; empty without such.

    Args:
        metrics: All metrics of the study.
        study: The study.
        whole: Arm of the full data, which relative performance is over; None without one.
    """
    first = first_by_task(metrics, "strict")
    asked = [
        (f"{metric.task}, {metric.scoring}: {metric.name}", [metric], [1.0]) for metric in first.values()
    ]
    if whole is not None and len(first) > 1:
        values = {metric.task: metric.arms[whole].value for metric in first.values()}
        used = [metric for metric in first.values() if values[metric.task] > 0]
        factors = [1 / (len(used) * values[metric.task]) for metric in used]
        asked += [(f"relative to {whole}, %", used, factors)] if used else []
    found = []
    for title, used, factors in asked:
        if one := _power(title, used, factors, study):
            found.append(one)
    return tuple(found)


def _power(title: str, metrics: list[Metric], factors: list[float], study: Study) -> Power | None:
    arms = {
        arm.name: contributions(metrics, arm.name, factors)
        for arm in study.arms
        if all(arm.name in metric.arms and len(metric.arms[arm.name].by_seed) > 1 for metric in metrics)
    }
    pairs = [(arm, study.baseline_of(arm)) for arm in arms]
    several = [variances(arms[arm], arms[base]) for arm, base in pairs if arm != base and base in arms]
    if not several or next(iter(arms.values())).shape[1] < 2:
        return None
    mean = Variances(
        *(float(np.mean([getattr(one, part) for one in several])) for part in ("seeds", "images", "both"))
    )
    images, seeds = next(iter(arms.values())).shape[1], study.seeds
    return Power(
        title,
        seeds,
        images,
        mean.smallest(seeds, images, study.level),
        POINT,
        mean.seeds_needed(POINT, images, study.level),
        mean.images_needed(POINT, seeds, study.level),
        mean.seeds_needed(POINT, 10 * images, study.level),
    )
