"""What a study will take, from short trials of its own steps on this machine.

Nothing of the study is kept from the trials. Steps that are done already count nothing.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from finegold.errors import BudgetError
from finegold.evaluation.task import Item
from finegold.models import load_model
from finegold.models.prefix import is_prefix_name, load_network
from finegold.report.study.words import duration
from finegold.samples import Dataset, open_dataset
from finegold.samples.images import decode
from finegold.scorers import is_automatic
from finegold.selection.options import parse_size
from finegold.study.arms import StudyRows
from finegold.study.folder import StudyFolder, finished
from finegold.study.jobs import Job, Training, weights_identity
from finegold.study.offline_models import place, training_photos
from finegold.study.run import Prepared, base_model, prepare
from finegold.study.study import PoolSpec, Study
from finegold.study.task_items import TaskItems, read_task_items
from finegold.study.workers import WorkerPool, run_jobs
from finegold.tuning import default_recipe, load_recipe
from finegold.workflow import Compute, SelectionSettings

ROWS = 96
"""Rows of the trial pool."""
STEPS = 16
"""Training steps of a trial."""
IMAGES = 16
"""Images whose features are timed."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What is to do.

    Attributes:
        runs: Trainings and evaluations in all.
        done: Of these, done already.
        stage1: Seconds to train the study's offline models.
        pool: Seconds to read, score and cluster the rows.
        training: Seconds of the trainings, all workers together.
        answering: Seconds of the answers and losses, all workers together.
        workers: Runs side by side.
        calls: Calls to a judge at most, or None without one.
        usd: Their price at most, or None if unknown.
    """

    runs: int
    done: int
    stage1: float
    pool: float
    training: float
    answering: float
    workers: int
    calls: int | None = None
    usd: float | None = None

    @property
    def seconds(self) -> float:
        """From start to end."""
        return self.stage1 + self.pool + (self.training + self.answering) / self.workers

    def lines(self) -> list[tuple[str, str]]:
        """For people."""
        left = self.runs - self.done
        found = [("runs", f"{left:,} of {self.runs:,}"), ("workers", str(self.workers))]
        parts = (
            ("offline models", self.stage1),
            ("reading and scoring rows", self.pool),
            ("training", self.training / self.workers),
            ("answering", self.answering / self.workers),
            ("in all", self.seconds),
        )
        found += [(name, duration(seconds)) for name, seconds in parts]
        if self.calls is not None:
            price = "price unknown" if self.usd is None else f"at most ${self.usd:,.2f}"
            found.append(("judge", f"at most {self.calls:,} calls, {price}"))
        return found


def plan_study(folder: StudyFolder, study: Study, crew: WorkerPool, machine: Compute) -> Cost:
    """Time what is not done yet on a small scale, and multiply.

    Raises:
        FinegoldError: What the study itself would raise.
    """
    pool = StudyRows(folder, study.data, study.encoder, machine)
    tasks = read_task_items(study)
    stage1 = _stage1_seconds(folder, study, pool, tasks)
    prepared = None if stage1 or not _scored(pool, study) else prepare(folder, study, tasks, machine)
    jobs = _counted(study, pool, tasks) if prepared is None else _left(folder, prepared)
    with tempfile.TemporaryDirectory(prefix="finegold-plan-") as trial:
        scoring = 0.0 if prepared is not None else _pool_seconds(Path(trial), study, pool, machine)
        rates = _rates(Path(trial), folder, study, pool, tasks, crew, machine) if jobs.left else _Rates()
    steps = load_recipe(study.recipe or default_recipe(study.model), steps=study.steps).steps
    items = {task: len(found) for task, found in tasks.items.items()}
    training = jobs.trainings * (steps * rates.step + rates.other)
    answering = jobs.left * rates.load
    answering += sum(models * items[task] * rates.item[task] for task, models in jobs.answers.items())
    # The first to see an image computes its features; the others find them.
    answering += (sum(items.values()) + jobs.rows) * rates.image
    judged = None
    if study.judge is not None:
        from finegold.study.judge import plan_judge

        judged = plan_judge(study.judge, tasks.items[study.judge.task], len(study.arms) - 1)
    return Cost(
        runs=jobs.all,
        done=jobs.all - jobs.left,
        stage1=stage1,
        pool=scoring,
        training=training,
        answering=answering,
        workers=max(1, min(len(crew.devices), jobs.left)),
        calls=None if judged is None else judged.calls,
        usd=None if judged is None else judged.usd,
    )


@dataclass(frozen=True, slots=True)
class _Jobs:
    """Numbers of models in all, with something left to do, to train, and by task to answer; rows to show."""

    all: int
    left: int
    trainings: int
    answers: Mapping[str, int]
    rows: int


def _left(folder: StudyFolder, prepared: Prepared) -> _Jobs:
    """What is to do when every subset is known."""
    jobs = prepared.jobs()
    left = [job for job in jobs if job.left(folder)]
    trainings = [job for job in left if job.training and not job.trained(folder)]
    answers = Counter(spec.task for job in left for spec in job.left(folder))
    return _Jobs(len(jobs), len(left), len(trainings), answers, len(prepared.pools[""].run.rows().usable))


def _counted(study: Study, pool: StudyRows, tasks: TaskItems) -> _Jobs:
    """The same before anything is chosen: arms of equal choice count once, arms of too many rows do not."""
    count = pool.run.dataset.count()
    seen: dict[tuple[object, ...], int] = {}
    for arm in study.arms:
        if arm.preset is None:
            seen[("as it is",)] = 1
            continue
        try:
            size = parse_size(arm.size, count)
        except BudgetError:
            continue
        kind = ("all",) if size == count else (arm.preset, size, str(arm.weights))
        key = (*kind, arm.recipe, None if arm.data is None else arm.data.path)
        seen[key] = max(seen.get(key, 0), arm.seeds or study.seeds)
    runs = sum(seen.values())
    trainings = runs - seen.get(("as it is",), 0)
    return _Jobs(runs, runs, trainings, dict.fromkeys(tasks.items, runs), count)


def _scored(pool: StudyRows, study: Study) -> bool:
    """Whether the run folder holds all that the arms need, so that choosing takes seconds."""
    arms = [
        SelectionSettings.of(arm.preset, "100%", arm.weights) for arm in study.arms if arm.preset is not None
    ]
    named = {name for settings in arms for name in settings.indicators if is_automatic(name)}
    folder = pool.run.folder
    done = {table.parameters["scorer"] for table in folder.tables("scores")}
    # The study clusters in any case, for the gains by cluster.
    return named <= done and bool(folder.tables("clusters"))


def _stage1_seconds(folder: StudyFolder, study: Study, pool: StudyRows, tasks: TaskItems) -> float:
    """Of training the offline models: photos through the towers, then steps."""
    if study.offline is None:
        return 0.0
    photos, _ = training_photos(study.offline, pool.image_hashes() | tasks.image_files())
    where = place(folder, study.offline, photos)
    if finished(where) is not None:
        return 0.0
    from finegold.tuning.offline.trial import time_stage1

    offline = study.offline
    return time_stage1(
        photos,
        epochs=offline.epochs,
        steps=offline.steps,
        agreed_steps=offline.agreed_steps,
        seed=offline.seed,
        heads_done=finished(where / "heads") is not None,
    )


def _trial_pool(trial: Path, pool: StudyRows) -> tuple[Dataset, PoolSpec]:
    """Evenly spaced rows of the pool, as a dataset of its own."""
    whole = pool.run.dataset
    count = whole.count()
    keep = sorted({round(i * (count - 1) / max(1, min(ROWS, count) - 1)) for i in range(min(ROWS, count))})
    out = trial / "rows"
    if not out.exists():
        out.mkdir()
        written = whole.write(out, keep, link=True)
        images = None if written.images is None else str(written.images)
        (trial / "where.txt").write_text(f"{written.data}\n{images or ''}", encoding="utf-8")
    data, _, images = (trial / "where.txt").read_text(encoding="utf-8").partition("\n")
    small = PoolSpec(path=data, images=images or None, ids=pool.ids)
    return open_dataset(data, images=images or None, ids=pool.ids), small


def _pool_seconds(trial: Path, study: Study, pool: StudyRows, machine: Compute) -> float:
    """Read, embed and score the trial rows for every preset, and multiply.

    The first round loads the models, so a second one on a new folder is the one that counts.
    """
    _, small = _trial_pool(trial, pool)
    seconds = 0.0
    for number in range(2):
        begin = time.perf_counter()
        rows = StudyRows(StudyFolder(trial / f"round-{number}"), small, study.encoder, machine)
        for preset in dict.fromkeys(["stratified", *(arm.preset for arm in study.arms if arm.preset)]):
            rows.tables(preset)
        seconds = time.perf_counter() - begin
    return seconds * pool.run.dataset.count() / ROWS


@dataclass(frozen=True, slots=True)
class _Rates:
    """Seconds of a run's parts, with as many runs side by side as there are workers.

    Attributes:
        step: A training step.
        item: By task, answering an item and measuring its references.
        load: Loading the model.
        other: The rest of a run.
        image: Features of an image that no run has seen yet.
    """

    step: float = 0.0
    item: Mapping[str, float] = field(default_factory=dict)
    load: float = 0.0
    other: float = 0.0
    image: float = 0.0


def _rates(
    trial: Path,
    folder: StudyFolder,
    study: Study,
    pool: StudyRows,
    tasks: TaskItems,
    crew: WorkerPool,
    machine: Compute,
) -> _Rates:
    _, small = _trial_pool(trial, pool)
    model = base_model(folder, study, machine)
    recipe = study.recipe or default_recipe(study.model)
    limits = {spec.task: min(len(tasks.items[spec.task]), 2 * spec.batch) for spec in tasks.specs}
    specs = tuple(replace(spec, limit=limits[spec.task], items="trial") for spec in tasks.specs)
    workers = len(crew.devices)
    jobs = []
    # Two for each worker: the first ones import libraries and compute features, the second ones count.
    for number in range(2 * workers):
        training = Training(
            model=model,
            identity=weights_identity(model),
            rows="trial",
            data=small.path,
            images=small.images,
            ids=small.ids,
            recipe=recipe,
            settings="",
            steps=STEPS,
            batch=study.batch,
            seed=number,
        )
        jobs.append(Job(training, model, training.identity, specs))
    timed = [facts for _, facts in run_jobs(trial / "jobs", jobs, crew)][workers:]
    train, total = (sum(facts[key] for facts in timed) / len(timed) for key in ("train", "total"))
    answers = {task: sum(facts["answers"][task] for facts in timed) / len(timed) for task in limits}
    load = _load_seconds(model, crew.devices[0])
    other = total - train - sum(answers.values())
    # Weights are loaded for the first task that needs them.
    answers[specs[0].task] = max(0.0, answers[specs[0].task] - load)
    return _Rates(
        step=train / STEPS,
        item={task: seconds / limits[task] for task, seconds in answers.items()},
        load=load,
        other=other,
        image=_image_seconds(model, crew.devices[0], next(iter(tasks.items.values()))),
    )


def _load_seconds(model: str, device: str) -> float:
    seconds = 0.0
    for _ in range(2):
        begin = time.perf_counter()
        load_model(model, device=device).load()
        seconds = time.perf_counter() - begin
    return seconds


def _image_seconds(model: str, device: str, items: Sequence[Item]) -> float:
    """Zero for a model whose features are not kept: they are part of its answers."""
    if not is_prefix_name(model):
        return 0.0
    source = load_network(model, device=device).features
    pictures = [decode(item.image) for item in items[:IMAGES]]
    source.encode(pictures[:1])
    begin = time.perf_counter()
    source.encode(pictures)
    return (time.perf_counter() - begin) / len(pictures)
