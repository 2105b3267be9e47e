"""From the files of lmms-eval to one table a metric."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from finegold.arrays import Floats
from finegold.errors import RunError
from finegold.evaluation.harness import HarnessScore, read_harness
from finegold.statistics import SeedMeasure, ratio
from finegold.study.folder import StudyFolder
from finegold.study.measure import Metric
from finegold.study.prepare import Prepared
from finegold.study.study import Study

SCORING = "lmms-eval"


def read_harness_metrics(folder: StudyFolder, study: Study, prepared: Prepared) -> list[Metric]:
    """Every metric of every task that lmms-eval measured.

    Raises:
        DataError: If the files are not as lmms-eval writes them.
        RunError: If two arms were measured on other items.
    """
    found: list[Metric] = []
    for task in study.evaluation.tasks:
        runs = {
            arm: [_by_name(one) for one in several] for arm, several in prepared.answers(folder, task).items()
        }
        every = [run for several in runs.values() for run in several]
        found += [_metric(name, runs) for name in every[0] if all(name in run for run in every)]
    return found


_Scores = Mapping[tuple[str, str], HarnessScore]


def _by_name(where: Path) -> _Scores:
    return {(one.task, one.metric): one for one in read_harness(where)}


def _metric(name: tuple[str, str], runs: Mapping[str, Sequence[_Scores]]) -> Metric:
    """A metric of all arms and seeds: from its items, if lmms-eval's value is their mean in every run."""
    scores = {arm: [run[name] for run in several] for arm, several in runs.items()}
    every = [score for several in scores.values() for score in several]
    first = every[0]
    if any(list(one.images) != list(first.images) for one in every):
        raise RunError(
            f"the runs were measured on other items of {first.task} than one another: give the study a new "
            "--out"
        )
    # Numbers beyond 1 have a scale of their own, and are shown as lmms-eval gives them.
    unit = 1.0 if all(abs(one.value) <= 1 for one in every) else 100.0
    items = tuple(first.images) or ("all",)
    arms = {
        arm: SeedMeasure(np.stack([_sums(one, len(items), unit) for one in several]), ratio)
        for arm, several in scores.items()
    }
    errors = None
    if any(one.items is None for one in every):
        errors = {
            arm: _error([(one.value, one.standard_error) for one in several]) / unit
            for arm, several in scores.items()
        }
    return Metric(
        first.task,
        SCORING,
        first.metric,
        "higher" if first.better else "lower",
        100.0,
        items,
        tuple(first.images.values()) or ("all",),
        arms,
        errors,
    )


def _sums(score: HarnessScore, items: int, unit: float) -> Floats:
    """What each item adds to value and count, shape (items, 2); the value itself where items are unknown."""
    shares = [score.value] * items if score.items is None else list(score.items.values())
    return np.array([shares, [unit] * items]).T


def _error(runs: Sequence[tuple[float, float | None]]) -> float:
    """Standard error of a mean over seeds, from each seed's value and standard error over the items.

    The seeds share their items. NaN if neither is known.
    """
    values = np.array([value for value, _ in runs])
    errors = [error for _, error in runs if error is not None]
    seeds = float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
    if len(errors) < len(runs):
        return math.sqrt(seeds) if len(values) > 1 else math.nan
    return math.sqrt(seeds + float(np.square(errors).mean()))
