"""A study from its file to its report: the one entry point behind `finegold study`."""

import time
from dataclasses import replace
from pathlib import Path

from finegold.report.study.findings import Findings
from finegold.report.study.output import write_findings
from finegold.study.cost import Cost, plan_study
from finegold.study.folder import StudyFolder
from finegold.study.results import collect
from finegold.study.run import check_tasks, prepare, work
from finegold.study.study import Study
from finegold.study.task_items import read_task_items
from finegold.study.workers import WorkerPool
from finegold.workflow.rows import Compute


def run_study(study: Study, out: str | Path, *, workers: int | None = None, device: str = "auto") -> Findings:
    """Run what is missing, and write tables and report to `out/<name>`.

    The same call goes on where a killed one stopped; with another arm or more seeds only these are run.

    Args:
        study: From `load_study`.
        out: The study's folder; studies that share rows and model may share it.
        workers: Runs side by side; as many as there are GPUs, or cores, if None.
        device: `auto`, `cpu`, `cuda`...

    Raises:
        FinegoldError: Whatever is wrong with the data, the options or the models, in one sentence.
    """
    check_tasks(study)
    folder = StudyFolder(Path(out))
    crew = WorkerPool.of(workers, device)
    begin = time.perf_counter()
    with folder.writing():
        prepared = prepare(folder, study, read_task_items(study), Compute(device=crew.devices[0]))
        work(folder, study, prepared, crew)
        findings = collect(folder, study, prepared, crew)
        seconds = round(time.perf_counter() - begin, 1)
        findings = replace(findings, machine={**findings.machine, "seconds of the last run": seconds})
        write_findings(findings, folder.results(study.name))
    return findings


def plan(study: Study, out: str | Path, *, workers: int | None = None, device: str = "auto") -> Cost:
    """What `run_study` would take; trains nothing but short trials that are thrown away.

    Args:
        study: From `load_study`.
        out: The study's folder: what is done there counts nothing.
        workers: As in `run_study`.
        device: Likewise.
    """
    check_tasks(study)
    folder = StudyFolder(Path(out))
    crew = WorkerPool.of(workers, device)
    with folder.writing():
        return plan_study(folder, study, crew, Compute(device=crew.devices[0]))
