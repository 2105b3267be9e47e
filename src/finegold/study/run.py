"""A study from its file to its report: the function behind `finegold study`."""

import os
import platform
import time
from pathlib import Path

from finegold.engines import Compute
from finegold.errors import RunError
from finegold.evaluation.notes import LMMS_TASKS, Fitted, fitted_with
from finegold.evaluation.task import find_tasks
from finegold.models.prefix import check_parts
from finegold.report.study.findings import ArmResult, Example, Findings, Gain
from finegold.report.study.page import write_findings
from finegold.run import progress, write_sealed
from finegold.study.arms import ArmRuns
from finegold.study.clusters import gains, nearest_clusters
from finegold.study.examples import largest_differences
from finegold.study.folder import StudyFolder
from finegold.study.harness import HarnessSpec
from finegold.study.harness_metrics import read_harness_metrics
from finegold.study.measure import Metric, on_half, outcome, read_metrics
from finegold.study.measured import write_measured
from finegold.study.power import study_power
from finegold.study.prepare import Prepared, check_names, prepare_study, without_failed
from finegold.study.study import ModelParts, Study, load_study
from finegold.study.task_items import read_task_items
from finegold.study.task_table import task_tables
from finegold.study.workers import WorkerPool, run_jobs
from finegold.version import __version__
from finegold.workflow.selection import library_versions


def run_study(
    study: Study | str | Path, out: str | Path, *, workers: int | None = None, device: str = "auto"
) -> Findings:
    """Run what is missing, and write tables and report to `out/<name>`.

    The same call continues where a killed one stopped; with another arm or more seeds only these are run.

    Args:
        study: From `load_study`; or a name or a file that it takes.
        out: The study's folder; studies that share rows and model may share it.
        workers: Number of runs side by side; as many as there are GPUs, or cores, if None.
        device: `auto`, `cpu`, `cuda`...

    Raises:
        FinegoldError: Whatever is wrong with the data, the options or the models, in one sentence.
    """
    study = study if isinstance(study, Study) else load_study(str(study))
    check_parts(study.model, (study.parts or ModelParts()).parts())
    tasks = read_task_items(study)
    check_names(study)
    folder = StudyFolder(Path(out))
    pool = WorkerPool.of(workers, device)
    begin = time.perf_counter()
    with folder.run.writing():
        prepared = prepare_study(folder, study, tasks, Compute(device=pool.devices[0]))
        prepared = without_failed(study, prepared, run_missing(folder, study, prepared, pool))
        findings = collect_findings(folder, study, prepared, pool, begin)
        write_findings(findings, folder.results(study.results))
    return findings


def run_missing(folder: StudyFolder, study: Study, prepared: Prepared, pool: WorkerPool) -> dict[str, str]:
    """Run the jobs that are not done, and keep the list of all in the study's results.

    Returns:
        Why a harness gave no scores, by the job's fingerprint.

    Raises:
        RunError: If the baseline cannot be run.
    """
    wanted = {study.baseline_of(arm.name) for arm in study.arms}
    for one in prepared.runs:
        if one.missing and one.arm.name in wanted:
            raise RunError(f"the baseline '{one.arm.name}' cannot be run: {one.note}")
    jobs = prepared.jobs()
    todo = [job for job in jobs if job.left(folder)]
    begin = time.perf_counter()
    failed: dict[str, str] = {}
    with progress("Runs", len(jobs), "runs", done=len(jobs) - len(todo)) as advance:
        for job, facts in run_jobs(folder.path, todo, pool):
            for reason in facts.get("failed", {}).values():
                failed.setdefault(job.fingerprint, reason)
            folder.run.log("run", model=job.fingerprint, **facts)
            advance(1)
    if todo:
        seconds = round(time.perf_counter() - begin, 1)
        folder.run.log("runs", count=len(todo), workers=len(pool.devices), seconds=seconds)
    listing = {
        one.arm.name: [
            {
                "subset": job.training and job.training.rows,
                "model": job.training and job.fingerprint,
                "answers": {spec.name: job.answers(folder, spec.name).name for spec in job.specs},
            }
            for job in one.jobs
        ]
        for one in prepared.runs
    }
    write_sealed(folder.results(study.results) / "runs.json", listing)
    return failed


def collect_findings(
    folder: StudyFolder, study: Study, prepared: Prepared, pool: WorkerPool, begin: float
) -> Findings:
    """Put tables, gains, examples and judgements together.

    Raises:
        RunError: If runs are missing.
    """
    read = read_metrics if study.evaluation.harness is None else read_harness_metrics
    every, half = read(folder, study, prepared), study.evaluation.half
    metrics = on_half(every, half)
    held_out = on_half(every, "b" if half == "a" else "a") if half else []
    notes = prepared.notes if half is None else (*prepared.notes, f"Measured on half {half} of the images.")
    found_gains: tuple[Gain, ...] = ()
    examples: list[Example] = []
    judgements: list[dict[str, object]] = []
    if metrics:
        main = metrics[0]
        items = [item for name in study.evaluation.tasks for item in prepared.tasks.items.get(name, ())]
        if items:
            rows, device = prepared.pools[""], pool.devices[0]
            clusters = nearest_clusters(folder.path, rows, prepared.encoder, device, items)
            found_gains = gains(main, study, clusters)
            examples += largest_differences(folder, study, prepared, main, items)
        write_measured(folder.results(study.results), metrics, held_out, prepared)
    if study.judge is not None:
        from finegold.study.judge import judge_arms

        judged, shown = judge_arms(folder, study, study.judge, prepared)
        judgements += [one.as_json() for one in judged]
        examples += shown
    tables = task_tables(metrics, study)
    whole = next((table.whole for table in tables), None)
    return Findings(
        name=study.results,
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
        machine=_machine(pool)
        | _harness(prepared)
        | {"seconds of the last run": round(time.perf_counter() - begin, 1)},
        notes=notes,
        tables=tables,
        overlaps=prepared.overlaps,
        power=study_power(metrics, study, whole),
    )


def _fitted(metric: Metric, study: Study) -> list[str]:
    name = LMMS_TASKS.get(metric.task) if study.evaluation.harness else metric.task
    if name is None:
        return []
    (task,) = find_tasks([name])
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
        whole=one.arm.whole,
        series=one.arm.series,
    )


def _machine(pool: WorkerPool) -> dict[str, object]:
    return {
        "finegold": __version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "workers": list(pool.devices),
        "libraries": library_versions(),
    }


def _harness(prepared: Prepared) -> dict[str, object]:
    """Versions in the environment of the harness, if there is one."""
    found = [spec.harness for spec in prepared.tasks.specs if isinstance(spec, HarnessSpec)]
    return {"harness": found[0].versions()} if found else {}
