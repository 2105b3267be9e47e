"""From the finished runs to the findings, and to pairs that the learned quality reads."""

import os
import platform
from collections.abc import Sequence

from finegold import __version__
from finegold.evaluation.hygiene import Hygiene, fitted_with
from finegold.evaluation.tasks import find_tasks
from finegold.report.study.findings import ArmResult, Example, Findings, Gain
from finegold.run import fingerprint
from finegold.selection.learned import MeasuredSubset, write_pairs
from finegold.study.clusters import gains, nearest_clusters
from finegold.study.examples import largest_differences
from finegold.study.folder import StudyFolder
from finegold.study.measure import Metric, question, read_metrics
from finegold.study.run import Prepared, Runs
from finegold.study.study import ArmSpec as Chosen
from finegold.study.study import Study
from finegold.study.workers import WorkerPool
from finegold.tuning import default_recipe
from finegold.workflow.selection import library_versions

PAIRS = "pairs.jsonl"


def collect(folder: StudyFolder, study: Study, prepared: Prepared, crew: WorkerPool) -> Findings:
    """Put tables, gains, examples and judgements together.

    Raises:
        RunError: If runs are missing.
    """
    metrics = read_metrics(folder, study, prepared)
    notes = _notes(prepared)
    questions = tuple(question(metric, study, _fitted(metric, study)) for metric in metrics)
    found_gains: tuple[Gain, ...] = ()
    examples: list[Example] = []
    judgements: list[dict[str, object]] = []
    if metrics:
        main = metrics[0]
        items = [item for name in study.evaluation.tasks for item in prepared.tasks.items[name]]
        clusters = nearest_clusters(folder.path, prepared.pools[""], prepared.encoder, crew.devices[0], items)
        found_gains = gains(main, study, clusters)
        examples += largest_differences(folder, study, prepared, main, items)
        write_pairs(folder.results(study.name) / PAIRS, pairs(main, prepared))
    if study.judge is not None:
        from finegold.study.judge import judge_arms

        judged, judge_examples = judge_arms(folder, study, study.judge, prepared)
        judgements += [one.as_json() for one in judged]
        examples += judge_examples
    return Findings(
        name=study.name,
        about=study.about,
        baseline=study.baseline,
        model=study.model,
        recipe=study.recipe or default_recipe(study.model),
        level=study.level,
        arms=tuple(_arm(folder, one) for one in prepared.runs),
        questions=questions,
        gains=found_gains,
        examples=tuple(examples),
        judgements=tuple(judgements),
        machine=_machine(crew),
        notes=notes,
    )


def _fitted(metric: Metric, study: Study) -> Sequence[str]:
    (task,) = find_tasks([metric.task])
    presets = {arm.preset for arm in study.arms if arm.preset}
    return tuple(name for preset in sorted(presets) for name in fitted_with(task, Hygiene(preset, ())))


def _arm(folder: StudyFolder, one: Runs) -> ArmResult:
    trained = [facts for job in one.jobs if (facts := job.trained(folder))]
    subsets = one.rows.subsets
    return ArmResult(
        name=one.rows.arm.name,
        preset=_preset(one.rows.arm),
        rows=len(subsets[0].ids) if subsets else 0,
        seeds=len(one.jobs),
        subsets=len({subset.fingerprint for subset in subsets}),
        steps=int(trained[0]["steps"]) if trained else 0,
        seconds=sum(fact["train"] for fact in trained) / len(trained) if trained else 0.0,
        note=one.rows.note,
        whole=one.rows.arm.size.strip() == "100%" and one.rows.arm.data is None,
    )


def _preset(arm: Chosen) -> str:
    chosen = arm.preset or ""
    return f"{chosen} of {arm.data.path}" if chosen and arm.data is not None else chosen


def _notes(prepared: Prepared) -> tuple[str, ...]:
    found = []
    if prepared.offline is not None:
        found.append(
            f"Encoder heads and captioner were trained for this study on {prepared.offline.photos:,} photos; "
            f"{prepared.offline.left_out:,} photos of the pool or the evaluation were left out."
        )
    return tuple(found)


def _machine(crew: WorkerPool) -> dict[str, object]:
    return {
        "finegold": __version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "workers": list(crew.devices),
        "libraries": library_versions(),
    }


def pairs(metric: Metric, prepared: Prepared) -> list[MeasuredSubset]:
    """What every tuned arm and seed chose, and the main metric it led to; higher is better."""
    sign = 1.0 if metric.better == "higher" else -1.0
    found = []
    for one in prepared.runs:
        if not one.rows.subsets:
            continue
        results = metric.arms[one.rows.arm.name].by_seed
        for seed, (subset, result) in enumerate(zip(one.rows.subsets, results, strict=True)):
            found.append(
                MeasuredSubset(
                    sample_ids=subset.ids,
                    result=sign * float(result),
                    metric=f"{metric.task} {metric.scoring} {metric.name}",
                    name=f"{one.rows.arm.name}, seed {seed}",
                    seed=seed,
                )
            )
    return found


def results_fingerprint(findings: Findings) -> str:
    """Of everything but times and machine: equal for a study that was killed and one that was not."""
    content = findings.as_json() | {"machine": {}}
    content["arms"] = [arm | {"seconds": 0.0} for arm in content["arms"]]
    return fingerprint(content)
