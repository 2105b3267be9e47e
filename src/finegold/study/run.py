"""A study from its file to its report: the function behind `finegold study`."""

import time
from dataclasses import replace
from pathlib import Path

from finegold.engines import Compute
from finegold.errors import RunError
from finegold.report.study.findings import Findings
from finegold.report.study.page import write_findings
from finegold.run import progress, write_json
from finegold.study.folder import StudyFolder
from finegold.study.prepare import Prepared, prepare_study
from finegold.study.results import collect_findings
from finegold.study.study import Study
from finegold.study.task_items import read_task_items
from finegold.study.workers import WorkerPool, run_jobs


def run_study(study: Study, out: str | Path, *, workers: int | None = None, device: str = "auto") -> Findings:
    """Run what is missing, and write tables and report to `out/<name>`.

    The same call continues where a killed one stopped; with another arm or more seeds only these are run.

    Args:
        study: From `load_study`.
        out: The study's folder; studies that share rows and model may share it.
        workers: Number of runs side by side; as many as there are GPUs, or cores, if None.
        device: `auto`, `cpu`, `cuda`...

    Raises:
        FinegoldError: Whatever is wrong with the data, the options or the models, in one sentence.
    """
    tasks = read_task_items(study)
    folder = StudyFolder(Path(out))
    pool = WorkerPool.of(workers, device)
    begin = time.perf_counter()
    with folder.run.writing():
        prepared = prepare_study(folder, study, tasks, Compute(device=pool.devices[0]))
        run_missing(folder, study, prepared, pool)
        findings = collect_findings(folder, study, prepared, pool)
        seconds = round(time.perf_counter() - begin, 1)
        findings = replace(findings, machine={**findings.machine, "seconds of the last run": seconds})
        write_findings(findings, folder.results(study.name))
    return findings


def run_missing(folder: StudyFolder, study: Study, prepared: Prepared, pool: WorkerPool) -> None:
    """Run the jobs that are not done, and keep the list of all in the study's results.

    Raises:
        RunError: If the baseline cannot be run.
    """
    baseline = next(one for one in prepared.runs if one.arm.name == study.baseline)
    if baseline.missing:
        raise RunError(f"the baseline '{study.baseline}' cannot be run: {baseline.note}")
    jobs = prepared.jobs()
    todo = [job for job in jobs if job.left(folder)]
    begin = time.perf_counter()
    with progress("Runs", len(jobs), "runs", done=len(jobs) - len(todo)) as advance:
        for job, facts in run_jobs(folder.path, todo, pool):
            folder.run.log("run", model=job.fingerprint, **facts)
            advance(1)
    if todo:
        seconds = round(time.perf_counter() - begin, 1)
        folder.run.log("runs", count=len(todo), workers=len(pool.devices), seconds=seconds)
    listing = {
        one.arm.name: [
            {
                "subset": job.training and job.training.rows,
                "model": job.training and job.training.fingerprint,
                "answers": {spec.task: job.answers(folder, spec.task).name for spec in job.specs},
            }
            for job in one.jobs
        ]
        for one in prepared.runs
    }
    write_json(folder.results(study.name) / "runs.json", listing)
