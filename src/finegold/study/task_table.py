"""All tasks in one table, as the paper's Table 4: scores, their average, gains, and relative performance."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from finegold.arrays import Floats
from finegold.evaluation.task import find_tasks
from finegold.report.study.findings import Figure, Outcome, TaskLine, TaskTable, verdict
from finegold.run import fingerprint
from finegold.statistics import Estimate, HierarchicalBootstrap, percentile_estimate
from finegold.study.measure import Metric, first_by_task, relative_by_seed
from finegold.study.study import Study

SCALE = 100.0


def task_tables(metrics: Sequence[Metric], study: Study) -> tuple[TaskTable, ...]:
    """A table for each scoring that measures at least two tasks, LVLM-eHub's first.

    The intervals count what seeds and images change. Tasks over the same images share the draws of images;
    the others are drawn independently.

    Args:
        metrics: All metrics of the study; the first of each task and scoring goes into the table.
        study: The study.
    """
    found = []
    for scoring in ("ehub", "strict", "lmms-eval"):
        first = first_by_task(metrics, scoring)
        if len(first) > 1:
            found.append(_table(scoring, list(first.values()), study))
    return tuple(found)


def _table(scoring: str, metrics: Sequence[Metric], study: Study) -> TaskTable:
    arms = [arm.name for arm in study.arms if all(arm.name in metric.arms for metric in metrics)]
    whole = next((arm.name for arm in study.arms if arm.name in arms and arm.whole), None)
    replicates, images = _replicates(metrics, arms, study)
    values = {arm: np.array([metric.arms[arm].value for metric in metrics]) for arm in arms}
    zero: tuple[str, ...] = ()
    if whole is not None:
        zero = tuple(m.task for m, value in zip(metrics, values[whole], strict=True) if value <= 0)
    used = [place for place, metric in enumerate(metrics) if metric.task not in zero]
    lines, figures = [], []
    for arm in arms:

        def estimates(values: Floats, drawn: Floats) -> tuple[Estimate, ...]:
            triples = zip(values, drawn, images, strict=True)
            return tuple(_estimate(float(value), one, count, study) for value, one, count in triples)

        def average(values: Floats, drawn: Floats) -> Estimate:
            return _estimate(float(values.mean()), drawn.mean(axis=0), sum(images), study)

        mine = values[arm], replicates[arm]
        base = study.baseline_of(arm)
        gains = mine[0] - values[base], mine[1] - replicates[base]
        relative = None
        if whole is not None and used:
            drawn = [_ratio(replicates[one][used], replicates[whole][used]) for one in (arm, base)]
            found = [float((values[one][used] / values[whole][used]).mean()) for one in (arm, base)]
            count = sum(images[place] for place in used)
            relative = _estimate(found[0], drawn[0], count, study)
            change = (
                None if arm == base else _estimate(found[0] - found[1], drawn[0] - drawn[1], count, study)
            )
            by_seed = relative_by_seed([metrics[place] for place in used], arm, whole)
            figures.append(_figure(arm, relative, change, by_seed))
        lines.append(
            TaskLine(
                arm=arm,
                scores=estimates(*mine),
                gains=None if arm == base else estimates(*gains),
                average=average(*mine),
                gain=None if arm == base else average(*gains),
                relative=relative,
            )
        )
    tasks, names = tuple(m.task for m in metrics), tuple(m.name for m in metrics)
    performance = None
    if figures:
        measured = [metrics[place] for place in used]
        performance = Outcome(
            task="1 task" if len(used) == 1 else f"{len(used)} tasks",
            scoring=scoring,
            metric=f"relative to {whole}, %",
            better="higher",
            scale=SCALE,
            images=sum(images[place] for place in used),
            items=sum(len(metric.images) for metric in measured),
            figures=tuple(figures),
        )
    return TaskTable(scoring, tasks, names, study.baseline, whole, tuple(lines), zero, performance)


def _figure(arm: str, relative: Estimate, change: Estimate | None, by_seed: Floats) -> Figure:
    """An arm's relative performance as a share, as outcomes have their numbers."""
    share = 1 / SCALE
    spread = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None
    if change is None:
        return Figure(arm, relative.times(share), spread, None, "", False)
    words, seen = verdict(change.times(share), "higher", SCALE)
    return Figure(arm, relative.times(share), spread, change.times(share), words, seen)


def _replicates(
    metrics: Sequence[Metric], arms: Sequence[str], study: Study
) -> tuple[dict[str, Floats], list[int]]:
    """Bootstrap replicates of each arm, shape (tasks, replicates), and the number of images of each task.

    Tasks in one folder of files have images in common, which are drawn once for all of them.
    """
    found = {arm: np.empty((len(metrics), study.replicates)) for arm in arms}
    images = [len(set(metric.images)) for metric in metrics]
    folders = [_folder(metric) for metric in metrics]
    for seed, folder in enumerate(dict.fromkeys(folders)):
        places = [place for place, one in enumerate(folders) if one == folder]
        number: dict[str, int] = {}
        for place in places:
            for image in metrics[place].images:
                number.setdefault(image, len(number))
        drawn = HierarchicalBootstrap.of(
            list(number), replicates=study.replicates, level=study.level, seed=seed
        )
        for place in places:
            if metrics[place].errors is not None:
                for arm in arms:
                    found[arm][place] = _normal(metrics[place], arm, study.replicates)
                continue
            groups = np.array([number[image] for image in metrics[place].images])
            draw = replace(drawn, groups=groups)
            for arm in arms:
                found[arm][place] = draw.replicates(metrics[place].arms[arm])
    return found, images


def _folder(metric: Metric) -> str:
    """What metrics over the same images have in common."""
    if metric.scoring == "lmms-eval":
        return metric.task
    (task,) = find_tasks([metric.task])
    # Datasets of one's own may share images too, under the names that their rows give them.
    return task.folder if task.over is None else ""


def _normal(metric: Metric, arm: str, count: int) -> Floats:
    """Draws of an arm's value by its standard error; not a number if it is unknown."""
    assert metric.errors is not None
    seed = fingerprint({"metric": [metric.task, metric.name, arm]})
    drawn = np.random.default_rng(int(seed, 16)).standard_normal(count)
    return metric.arms[arm].value + metric.errors[arm] * drawn


def _estimate(value: float, replicates: Floats, images: int, study: Study) -> Estimate:
    kept = replicates[np.isfinite(replicates)]
    if images < 2 or not len(kept):
        return Estimate(value * SCALE, n=images)
    method = f"{study.level * 100:g}% percentile bootstrap, {study.replicates:,} draws of seeds and images"
    return percentile_estimate(value, kept, study.level, images, method).times(SCALE)


def _ratio(arm: Floats, whole: Floats) -> Floats:
    """Mean over tasks of arm over whole in each replicate; not a number where the whole draws no score."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(whole > 0, arm / whole, np.nan).mean(axis=0)
    return found
