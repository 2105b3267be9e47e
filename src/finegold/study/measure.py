"""From saved answers and losses to one table a metric."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from finegold.arrays import Floats
from finegold.errors import DataError, RunError
from finegold.evaluation.answering import Half
from finegold.evaluation.answers import Answer, read_all_answers
from finegold.evaluation.evaluate import half_of
from finegold.evaluation.scoring import SCORINGS, measures
from finegold.evaluation.task import Task, find_tasks
from finegold.report.study.findings import Better, Figure, Outcome, verdict
from finegold.statistics import Estimate, HierarchicalBootstrap, SeedMeasure, normal
from finegold.study.folder import StudyFolder
from finegold.study.losses import KINDS, read_losses
from finegold.study.prepare import Prepared
from finegold.study.study import Study


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric over the same items for every arm that was run.

    Attributes:
        task: Name of the task.
        scoring: `strict`, `ehub` or `loss`.
        name: Name of the metric, such as `CIDEr-D`.
        better: Which direction is better.
        scale: Factor of the numbers when shown.
        items: Ids of the items.
        images: Image of each item.
        arms: The measure of each arm, by its name.
        errors: Standard error of each arm where the items' shares are unknown, seeds and items counted; NaN
            where it is unknown too. None where the items are known.
    """

    task: str
    scoring: str
    name: str
    better: Better
    scale: float
    items: tuple[str, ...]
    images: tuple[str, ...]
    arms: dict[str, SeedMeasure]
    errors: Mapping[str, float] | None = None

    @property
    def sign(self) -> float:
        """1 where higher is better, else -1."""
        return 1.0 if self.better == "higher" else -1.0

    def with_error(self, level: float, arm: str, baseline: str | None = None) -> Estimate:
        """An arm's value, or its difference to another's, with a normal interval from standard errors."""
        assert self.errors is not None
        names = [arm] if baseline is None else [arm, baseline]
        value = self.arms[arm].value - (0.0 if baseline is None else self.arms[baseline].value)
        return normal(value, math.hypot(*(self.errors[name] for name in names)), len(self.items), level)

    def at(self, places: Sequence[int]) -> "Metric":
        """The metric on some of its items, by their places."""
        arms = {
            arm: SeedMeasure(measure.statistics[:, places], measure.combine)
            for arm, measure in self.arms.items()
        }
        items, images = (tuple(names[place] for place in places) for names in (self.items, self.images))
        return replace(self, items=items, images=images, arms=arms)

    def item_scores(self, arm: str, seed: int = 0) -> Floats:
        """Scores of the single items with one seed of an arm, shape (items,)."""
        measure = self.arms[arm]
        return measure.combine(measure.statistics[seed])


def read_metrics(folder: StudyFolder, study: Study, prepared: Prepared) -> list[Metric]:
    """Every metric, strict scorings first.

    Raises:
        RunError: If two arms answered other items.
    """
    found: list[Metric] = []
    for task in find_tasks(list(study.evaluation.tasks)):
        folders = prepared.answers(folder, task.name)
        found += sorted(_scored(folders, task), key=lambda metric: metric.scoring != "strict")
        found += _losses(folders, task)
    return found


def first_strict(folders: Mapping[str, Sequence[Path]], task: Task) -> Metric | None:
    """The first strict metric of a task; None if nothing is measured.

    Args:
        folders: Folders of the answers of each seed, by arm.
        task: The task.
    """
    return next((metric for metric in _scored(folders, task) if metric.scoring == "strict"), None)


def first_by_task(metrics: Sequence[Metric], *scorings: str) -> dict[str, Metric]:
    """The first metric of each task that has one of the scorings, by the task's name."""
    found: dict[str, Metric] = {}
    for metric in metrics:
        if metric.scoring in scorings:
            found.setdefault(metric.task, metric)
    return found


def relative_by_seed(metrics: Sequence[Metric], arm: str, whole: str) -> Floats:
    """Mean over the metrics of each seed's value over that of the arm of all rows, shape (seeds,)."""
    found: Floats = np.mean([one.arms[arm].by_seed / one.arms[whole].value for one in metrics], axis=0)
    return found


def on_half(metrics: Sequence[Metric], half: Half | None) -> list[Metric]:
    """The metrics on the items whose images are in one half; all items for None.

    Raises:
        DataError: If a task has no image in that half.
    """
    if half is None:
        return list(metrics)
    found = []
    for metric in metrics:
        kept = [place for place, image in enumerate(metric.images) if half_of(image) == half]
        if not kept:
            raise DataError(
                f"none of the {len(set(metric.images))} images of {metric.task} is in half {half}: measure "
                "more items"
            )
        found.append(metric.at(kept))
    return found


def _scored(folders: Mapping[str, Sequence[Path]], task: Task) -> Iterator[Metric]:
    answers = {arm: [read_all_answers(one, task.name) for one in several] for arm, several in folders.items()}
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
            arm: [measures(scoring, task.kind, rows) for rows in several] for arm, several in kept.items()
        }
        for place, first in enumerate(next(iter(by_arm.values()))[0]):
            arms = {
                arm: SeedMeasure(np.stack([found[place].statistics for found in several]), first.combine)
                for arm, several in by_arm.items()
            }
            better: Better = "lower" if first.name == "unreadable" else "higher"
            found = Metric(task.name, scoring, first.name, better, 100.0, items, images, arms)
            yield found
            if place == 0 and task.kind == "short":
                yield from _of_kinds(found, [row.category for row in rows_of_one])


def _of_kinds(metric: Metric, kinds: Sequence[str]) -> Iterator[Metric]:
    """The metric on the items of each kind, if there are several."""
    names = sorted(set(kinds))
    for name in names if len(names) > 1 else ():
        places = [place for place, kind in enumerate(kinds) if kind == name]
        yield replace(metric.at(places), name=f"{metric.name}: {name}")


def _answered_by_all(task: Task, runs: Sequence[Sequence[Answer]]) -> set[str]:
    """Ids of the items that every run has an answer to."""
    prompts = [[(row.id, row.image, row.prompt) for row in rows] for rows in runs]
    if any(one != prompts[0] for one in prompts):
        raise RunError(
            f"the runs answered other items of {task.name} than one another: give the study a new --out"
        )
    failed = {row.id for rows in runs for row in rows if row.problem is not None}
    return {row.id for row in runs[0]} - failed


def _losses(folders: Mapping[str, Sequence[Path]], task: Task) -> Iterator[Metric]:
    read = {arm: [read_losses(one) for one in several] for arm, several in folders.items()}
    found = {arm: [one for one in several if one is not None] for arm, several in read.items()}
    found = {arm: several for arm, several in found.items() if several}
    if not found:
        return
    images = tuple(next(iter(found.values()))[0][0])
    for kind in KINDS:
        for name, combine, better in LOSSES:
            arms = {
                arm: SeedMeasure(np.stack([sums[kind] for _, sums in several]), combine)
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
"""Name, formula and better direction of the losses, in nats for each token of the reference captions."""


def outcome(metric: Metric, study: Study, used_to_fit: Sequence[str]) -> Outcome:
    """The metric of every arm, beside the baseline."""
    bootstrap = HierarchicalBootstrap.of(metric.images, replicates=study.replicates, level=study.level)
    figures = []
    for arm, measure in metric.arms.items():
        spread = float(measure.by_seed.std(ddof=1)) if len(measure.by_seed) > 1 else None
        difference, words, seen = None, "", False
        mean = bootstrap.mean(measure) if metric.errors is None else metric.with_error(study.level, arm)
        if arm != (base := study.baseline_of(arm)):
            difference = (
                bootstrap.difference(measure, metric.arms[base])
                if metric.errors is None
                else metric.with_error(study.level, arm, base)
            )
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
