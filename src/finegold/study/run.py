"""A study from its file to its findings: every step in order, each done once."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from finegold.errors import RunError
from finegold.evaluation import find_tasks
from finegold.evaluation.evaluate import EvaluationOptions, missing_error, missing_files
from finegold.models.prefix import NEW_MODELS, Parts, load_network, save_network
from finegold.run import file_sha256, fingerprint, progress, write_json
from finegold.study.arms import ArmRows, StudyRows
from finegold.study.folder import StudyFolder, finish, finished
from finegold.study.jobs import Job, Training, weights_identity
from finegold.study.offline_models import OfflineModels, train_offline_models, training_photos
from finegold.study.study import ModelParts, Study
from finegold.study.task_items import TaskItems
from finegold.study.workers import WorkerPool, run_jobs
from finegold.tuning import default_recipe, load_recipe
from finegold.workflow.rows import Compute


@dataclass(frozen=True, slots=True)
class Runs:
    """An arm with the job of each of its seeds.

    Attributes:
        rows: What it trains on.
        jobs: One a seed; equal for seeds that nothing tells apart.
    """

    rows: ArmRows
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A study up to its jobs.

    Attributes:
        runs: Runs by arm, in the study's order.
        pools: Rows by dataset; the study's own first.
        model: What is tuned.
        encoder: What scores and clusters come from.
        offline: The models that the study made, or None.
        tasks: Items of the tasks that every model answers.
    """

    runs: tuple[Runs, ...]
    pools: Mapping[str, StudyRows]
    model: str
    encoder: str
    offline: OfflineModels | None
    tasks: TaskItems

    def jobs(self) -> list[Job]:
        """Every job once."""
        return list({job.fingerprint: job for one in self.runs for job in one.jobs}.values())


def check_tasks(study: Study) -> None:
    """Make sure that every task's files are there, before anything is computed.

    Raises:
        DataError: If not, with where to get them.
    """
    options = EvaluationOptions(
        prompts=study.evaluation.prompts, splits=tuple(study.evaluation.splits.items())
    )
    wanted = [(study.evaluation.data, list(study.evaluation.tasks))]
    if study.judge is not None:
        wanted.append((study.judge.data, [study.judge.task]))
    for data, names in wanted:
        missing = missing_files(find_tasks(names), Path(data), options, blind=False)
        if missing:
            raise missing_error(missing, Path(data))


def prepare(folder: StudyFolder, study: Study, tasks: TaskItems, machine: Compute) -> Prepared:
    """Train the offline models if the study has its own, choose every arm's rows, and name the jobs."""
    made = None
    if study.offline is not None:
        seen = StudyRows(folder, study.data, study.encoder, machine).image_hashes() | tasks.image_files()
        photos, left_out = training_photos(study.offline, seen)
        made = train_offline_models(folder, study.offline, photos, left_out)
    model = made.model if made and study.model == "offline" else base_model(folder, study, machine)
    encoder = made.encoder if made and study.encoder == "offline" else study.encoder
    pools = {"": StudyRows(folder, study.data, encoder, machine)}
    for arm in study.arms:
        if arm.data is not None:
            pools[arm.name] = StudyRows(folder, arm.data, encoder, machine)
    runs = []
    identity = weights_identity(model)
    for arm in study.arms:
        pool = pools.get(arm.name, pools[""])
        rows = pool.choose(arm, arm.seeds or study.seeds)
        runs.append(Runs(rows, tuple(_jobs(study, rows, pool, model, identity, tasks))))
    return Prepared(tuple(runs), pools, model, encoder, made, tasks)


def base_model(folder: StudyFolder, study: Study, machine: Compute) -> str:
    """The model's name; of one that is put together, a folder of its own, so that every run has the same."""
    if study.model not in NEW_MODELS:
        return study.model
    parts = study.parts or ModelParts()
    depends = {"model": study.model, **parts.model_dump()}
    if parts.projection is not None and Path(parts.projection).is_file():
        depends["projection"] = file_sha256(Path(parts.projection))
    where = folder.base(fingerprint(depends))
    if finished(where) is None:
        import torch

        made = Parts(
            parts.language_model,
            parts.vision_model,
            None if parts.projection is None else Path(parts.projection),
        )
        with folder.step("base", model=study.model):
            model = load_network(study.model, parts=made, device=machine.device)
            save_network(model, where, with_language_model=False, dtype=torch.float32)
            finish(where, depends)
    return str(where)


def _jobs(
    study: Study, rows: ArmRows, pool: StudyRows, model: str, identity: str, tasks: TaskItems
) -> Sequence[Job]:
    if rows.missing:
        return []
    if rows.arm.preset is None:
        return [Job(None, model, identity, tasks.specs)]
    recipe = rows.arm.recipe or study.recipe or default_recipe(study.model)
    found = []
    for seed, subset in enumerate(rows.subsets):
        plan = load_recipe(recipe, steps=study.steps, batch=study.batch)
        settings = plan.model_dump_json(exclude={"name", "about", "seed", "save_every", "log_every"})
        training = Training(
            model=model,
            identity=identity,
            rows=subset.fingerprint,
            data=str(subset.data),
            images=None if subset.images is None else str(subset.images),
            ids=pool.ids,
            recipe=recipe,
            settings=settings,
            steps=study.steps,
            batch=study.batch,
            seed=plan.seed + seed,
        )
        found.append(Job(training, model, identity, tasks.specs))
    return found


def work(folder: StudyFolder, study: Study, prepared: Prepared, crew: WorkerPool) -> None:
    """Run the jobs that are not done, and keep the list of all in the study's results.

    Raises:
        RunError: If the baseline could not be run.
    """
    baseline = next(one for one in prepared.runs if one.rows.arm.name == study.baseline)
    if baseline.rows.missing:
        raise RunError(f"the baseline '{study.baseline}' cannot be run: {baseline.rows.note}")
    jobs = prepared.jobs()
    todo = [job for job in jobs if job.left(folder)]
    begin = time.perf_counter()
    with progress("Runs", len(jobs), "runs", done=len(jobs) - len(todo)) as advance:
        for job, facts in run_jobs(folder.path, todo, crew):
            folder.log("run", model=job.fingerprint, **facts)
            advance(1)
    if todo:
        took = round(time.perf_counter() - begin, 1)
        folder.log("runs", count=len(todo), workers=len(crew.devices), seconds=took)
    write_json(folder.results(study.name) / "runs.json", _listing(folder, prepared))


def _listing(folder: StudyFolder, prepared: Prepared) -> dict[str, object]:
    return {
        one.rows.arm.name: [
            {
                "subset": job.training and job.training.rows,
                "model": job.training and job.training.fingerprint,
                "answers": {spec.task: job.answers(folder, spec.task).name for spec in job.specs},
            }
            for job in one.jobs
        ]
        for one in prepared.runs
    }
