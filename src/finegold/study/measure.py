"""From saved answers and losses to one table a metric."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats
from finegold.errors import RunError
from finegold.evaluation.answers import Answer, read_all_answers
from finegold.evaluation.results import answered
from finegold.evaluation.scoring import SCORINGS, measures
from finegold.evaluation.task import Task
from finegold.evaluation.tasks import find_tasks
from finegold.report.study.findings import Better, Figure, Outcome, verdict
from finegold.study.folder import StudyFolder
from finegold.study.intervals import Draws, Measured
from finegold.study.losses import KINDS, read_losses
from finegold.study.run import Prepared
from finegold.study.study import Study


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric over the same items for every arm that was run.

    Attributes:
        task: Of the items.
        scoring: `strict`, `ehub` or `loss`.
        name: Such as `CIDEr-D`.
        better: Which direction is better.
        scale: Numbers are shown times this.
        items: Ids.
        images: Image of each item.
        arms: By name.
    """

    task: str
    scoring: str
    name: str
    better: Better
    scale: float
    items: tuple[str, ...]
    images: tuple[str, ...]
    arms: dict[str, Measured]

    def item_scores(self, arm: str, seed: int = 0) -> Floats:
        """What each item alone gives with one seed of an arm, shape (items,)."""
        measured = self.arms[arm]
        return measured.combine(measured.statistics[seed])


def read_metrics(folder: StudyFolder, study: Study, prepared: Prepared) -> list[Metric]:
    """Every metric, strict scorings first.

    Raises:
        RunError: If two arms answered other items.
    """
    found: list[Metric] = []
    for task in find_tasks(list(study.evaluation.tasks)):
        found += sorted(_scored(folder, prepared, task), key=lambda metric: metric.scoring != "strict")
        found += _losses(folder, prepared, task)
    return found


def _scored(folder: StudyFolder, prepared: Prepared, task: Task) -> Iterator[Metric]:
    answers = {
        one.rows.arm.name: [read_all_answers(job.answers(folder, task.name), task.name) for job in one.jobs]
        for one in prepared.runs
        if one.jobs
    }
    whole = _answered_by_all(task, [rows for several in answers.values() for rows in several])
    if not whole or task.kind == "free":
        return
    kept = {
        arm: [[row for row in rows if row.id in whole] for rows in several]
        for arm, several in answers.items()
    }
    rows_of_one = next(iter(kept.values()))[0]
    items = tuple(row.id for row in rows_of_one)
    images = tuple(row.image for row in rows_of_one)
    for scoring in SCORINGS:
        by_arm = {
            arm: [measures(scoring, task.kind, answered(rows)) for rows in several]
            for arm, several in kept.items()
        }
        for place, first in enumerate(next(iter(by_arm.values()))[0]):
            arms = {
                arm: Measured(np.stack([own[place].statistics for own in several]), first.combine)
                for arm, several in by_arm.items()
            }
            better: Better = "lower" if first.name == "unreadable" else "higher"
            yield Metric(task.name, scoring, first.name, better, 100.0, items, images, arms)


def _answered_by_all(task: Task, runs: Sequence[Sequence[Answer]]) -> set[str]:
    """Ids of the items that every run has an answer to."""
    asked = [[(row.id, row.image, row.prompt) for row in rows] for rows in runs]
    if any(one != asked[0] for one in asked):
        raise RunError(
            f"the runs answered other items of {task.name} than one another: give the study a new --out"
        )
    failed = {row.id for rows in runs for row in rows if row.problem is not None}
    return {row.id for row in runs[0]} - failed


def _losses(folder: StudyFolder, prepared: Prepared, task: Task) -> Iterator[Metric]:
    found: dict[str, list[dict[str, Floats]]] = {}
    images: tuple[str, ...] = ()
    for one in prepared.runs:
        for job in one.jobs:
            own = read_losses(job.answers(folder, task.name))
            if own is not None:
                images = tuple(own[0])
                found.setdefault(one.rows.arm.name, []).append(own[1])
    if not found:
        return
    for kind in KINDS:
        for name, combine, better in LOSSES:
            arms = {
                arm: Measured(np.stack([sums[kind] for sums in several]), combine)
                for arm, several in found.items()
            }
            yield Metric(task.name, "loss", f"{kind}, {name}", better, 1.0, images, images, arms)


def _right(sums: Floats) -> Floats:
    return sums[:, 0] / sums[:, 2]


def _gap(sums: Floats) -> Floats:
    return (sums[:, 1] - sums[:, 0]) / sums[:, 2]


LOSSES: tuple[tuple[str, Callable[[Floats], Floats], Better], ...] = (
    ("right image", _right, "lower"),
    ("gap to a wrong image", _gap, "higher"),
)
"""Nats a token of the reference captions."""


def question(metric: Metric, study: Study, used_to_fit: Sequence[str]) -> Outcome:
    """The metric of every arm, beside the baseline."""
    draws = Draws.of(metric.images, replicates=study.replicates, level=study.level)
    baseline = metric.arms[study.baseline]
    figures = []
    for arm, measured in metric.arms.items():
        spread = float(measured.by_seed.std(ddof=1)) if len(measured.by_seed) > 1 else None
        mean = draws.mean(measured)
        if arm == study.baseline:
            figures.append(Figure(arm, mean, spread, None, "", False))
            continue
        difference = draws.difference(measured, baseline)
        words, seen = verdict(difference, metric.better, metric.scale)
        figures.append(Figure(arm, mean, spread, difference, words, seen))
    return Outcome(
        metric.task,
        metric.scoring,
        metric.name,
        metric.better,
        metric.scale,
        len(set(metric.images)),
        len(metric.images),
        tuple(figures),
        tuple(used_to_fit),
    )
