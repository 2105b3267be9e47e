"""From the finished runs to the findings, and to pairs that the learned quality reads."""

import os
import platform
from collections.abc import Iterator

from finegold import __version__
from finegold.evaluation.notes import Fitted, fitted_with
from finegold.evaluation.task import find_tasks
from finegold.report.study.findings import ArmResult, Example, Findings, Gain
from finegold.selection.learned import MeasuredSubset, write_pairs
from finegold.study.arms import ArmRuns
from finegold.study.clusters import gains, nearest_clusters
from finegold.study.examples import largest_differences
from finegold.study.folder import StudyFolder
from finegold.study.measure import Metric, outcome, read_metrics
from finegold.study.prepare import Prepared
from finegold.study.study import Study
from finegold.study.workers import WorkerPool
from finegold.workflow.selection import library_versions

PAIRS = "pairs.jsonl"


def collect_findings(folder: StudyFolder, study: Study, prepared: Prepared, pool: WorkerPool) -> Findings:
    """Put tables, gains, examples and judgements together.

    Raises:
        RunError: If runs are missing.
    """
    metrics = read_metrics(folder, study, prepared)
    found_gains: tuple[Gain, ...] = ()
    examples: list[Example] = []
    judgements: list[dict[str, object]] = []
    if metrics:
        main = metrics[0]
        items = [item for name in study.evaluation.tasks for item in prepared.tasks.items[name]]
        rows, device = prepared.pools[""], pool.devices[0]
        clusters = nearest_clusters(folder.path, rows, prepared.encoder, device, items)
        found_gains = gains(main, study, clusters)
        examples += largest_differences(folder, study, prepared, main, items)
        write_pairs(folder.results(study.name) / PAIRS, list(_pairs(main, prepared)))
    if study.judge is not None:
        from finegold.study.judge import judge_arms

        judged, shown = judge_arms(folder, study, study.judge, prepared)
        judgements += [one.as_json() for one in judged]
        examples += shown
    return Findings(
        name=study.name,
        about=study.about,
        baseline=study.baseline,
        model=study.model,
        recipe=study.recipe_name,
        level=study.level,
        arms=tuple(_arm(folder, one) for one in prepared.runs),
        questions=tuple(outcome(metric, study, _fitted(metric, study)) for metric in metrics),
        gains=found_gains,
        examples=tuple(examples),
        judgements=tuple(judgements),
        machine=_machine(pool),
        notes=tuple(_notes(prepared)),
    )


def _fitted(metric: Metric, study: Study) -> list[str]:
    (task,) = find_tasks([metric.task])
    presets = {arm.preset for arm in study.arms if arm.preset}
    return list(
        dict.fromkeys(name for preset in sorted(presets) for name in fitted_with(task, Fitted(preset)))
    )


def _arm(folder: StudyFolder, one: ArmRuns) -> ArmResult:
    trained = [facts for job in one.jobs if (facts := job.trained(folder))]
    preset = one.arm.preset or ""
    return ArmResult(
        name=one.arm.name,
        preset=f"{preset} of {one.arm.data.path}" if preset and one.arm.data is not None else preset,
        rows=len(one.subsets[0].ids) if one.subsets else 0,
        seeds=len(one.jobs),
        subsets=len({subset.fingerprint for subset in one.subsets}),
        steps=int(trained[0]["steps"]) if trained else 0,
        seconds=sum(fact["train"] for fact in trained) / len(trained) if trained else 0.0,
        note=one.note,
        whole=one.arm.size.strip() == "100%" and one.arm.data is None,
    )


def _notes(prepared: Prepared) -> Iterator[str]:
    if prepared.offline is not None:
        yield (
            f"Encoder heads and captioner were trained for this study on {prepared.offline.photos:,} photos; "
            f"{prepared.offline.left_out:,} photos of the pool or the evaluation were left out."
        )


def _machine(pool: WorkerPool) -> dict[str, object]:
    return {
        "finegold": __version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "workers": list(pool.devices),
        "libraries": library_versions(),
    }


def _pairs(metric: Metric, prepared: Prepared) -> Iterator[MeasuredSubset]:
    """What every tuned arm and seed chose, and the main metric it led to; higher is better."""
    for one in prepared.runs:
        results = metric.arms[one.arm.name].by_seed if one.subsets else ()
        for seed, (subset, result) in enumerate(zip(one.subsets, results, strict=True)):
            yield MeasuredSubset(
                sample_ids=subset.ids,
                result=metric.sign * float(result),
                metric=f"{metric.task} {metric.scoring} {metric.name}",
                name=f"{one.arm.name}, seed {seed}",
                seed=seed,
            )
