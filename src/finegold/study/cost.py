"""What a study will take, from short trials of its steps on this machine.

Nothing of the study is kept from the trials. Steps that are done already count nothing.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from finegold.errors import BudgetError
from finegold.llm import Plan
from finegold.models import load_model
from finegold.models.prefix import check_parts, is_prefix_name, load_network
from finegold.report.text import duration
from finegold.samples.images import by_content, decode
from finegold.scorers import is_automatic
from finegold.selection.options import parse_size
from finegold.selection.preset import find_preset
from finegold.study.arms import StudyRows
from finegold.study.folder import StudyFolder, finished
from finegold.study.jobs import Job, Training, weights_identity
from finegold.study.offline_models import place, training_photos
from finegold.study.prepare import Prepared, base_model, check_names, prepare_study
from finegold.study.study import ModelParts, PoolSpec, Study
from finegold.study.task_items import TaskItems, TaskSpec, read_task_items
from finegold.study.workers import WorkerPool, run_jobs
from finegold.tuning import load_recipe
from finegold.workflow import Compute, SelectionSettings

ROWS = 96
"""Number of rows of the trial pool."""
STEPS = 16
"""Number of training steps of a trial."""
IMAGES = 16
"""Number of images whose features are timed."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Time and money that a study still takes.

    Attributes:
        runs: Number of trainings and evaluations in all.
        done: Number of these that are done.
        stage1: Seconds to train the study's offline models.
        pool: Seconds to read, score and cluster the rows.
        training: Seconds of the trainings, all workers together.
        answering: Seconds of the answers and losses, all workers together.
        workers: Number of runs side by side.
        judging: Calls to a judge, with tokens and price; None without one.
        usd_per_hour: Price of an hour of a worker in dollars; None if unknown.
        overlap: Number of rows that items of the evaluation contain; None if they are not looked for yet.
    """

    runs: int
    done: int
    stage1: float
    pool: float
    training: float
    answering: float
    workers: int
    judging: Plan | None = None
    usd_per_hour: float | None = None
    overlap: int | None = None

    @property
    def seconds(self) -> float:
        """Seconds from start to end."""
        return self.stage1 + self.pool + (self.training + self.answering) / self.workers

    def lines(self) -> list[tuple[str, str]]:
        """Rows of a table for a person."""
        left = self.runs - self.done
        found = [("runs", f"{left:,} of {self.runs:,}"), ("workers", str(self.workers))]
        if self.overlap is not None:
            found.append(("rows in the evaluation", f"{self.overlap:,}, which no arm is given"))
        parts = (
            ("offline models", self.stage1),
            ("reading and scoring rows", self.pool),
            ("training", self.training / self.workers),
            ("answering", self.answering / self.workers),
            ("in all", self.seconds),
        )
        found += [(name, duration(seconds)) for name, seconds in parts]
        hours = (self.training + self.answering) / 3600
        found.append(("hours of all workers", f"{hours:,.2f}"))
        if self.usd_per_hour is not None:
            price = f"${hours * self.usd_per_hour:,.2f} at ${self.usd_per_hour:g} an hour"
            found.append(("price of the workers", price))
        if self.judging is not None:
            found.append(("judge", judging_line(self.judging)))
        return found


def judging_line(plan: Plan) -> str:
    """Calls, tokens and price of a judge on one line."""
    price = "price unknown" if plan.usd is None else f"at most ${plan.usd:,.2f}"
    tokens = f"about {plan.prompt_tokens:,} tokens sent, at most {plan.completion_tokens:,} received"
    return f"at most {plan.calls:,} calls, {tokens}, {price}"


def plan_by_trials(
    study: Study,
    out: str | Path,
    *,
    workers: int | None = None,
    device: str = "auto",
    usd_per_hour: float | None = None,
) -> Cost:
    """Time and money that `run_study` would take: short trials of what is not done yet, multiplied.

    Args:
        study: From `load_study`.
        out: The study's folder; what is done there costs nothing.
        workers: Number of runs side by side; as many as there are GPUs, or cores, if None.
        device: `auto`, `cpu`, `cuda`...
        usd_per_hour: Price of an hour of a worker in dollars; None if unknown.

    Raises:
        FinegoldError: What `run_study` would raise.
    """
    check_parts(study.model, (study.parts or ModelParts()).parts())
    tasks = read_task_items(study)
    check_names(study)
    folder = StudyFolder(Path(out))
    with folder.run.writing(), tempfile.TemporaryDirectory(prefix="finegold-plan-") as trial:
        pool = WorkerPool.of(workers, device)
        return replace(_Planning(Path(trial), folder, study, tasks, pool).cost(), usd_per_hour=usd_per_hour)


def count_runs(study: Study, rows: int) -> tuple[int, int]:
    """Numbers of models and of trainings before anything is chosen.

    Equal choices count once; arms of more rows than there are do not count.
    """
    untuned: tuple[object, ...] = ("as it is",)
    seen: dict[tuple[object, ...], int] = {}
    for arm in study.arms:
        if arm.preset is None:
            seen[untuned] = 1
            continue
        try:
            size = parse_size(arm.size, rows)
        except BudgetError:
            continue
        choice = ("all",) if size == rows else (arm.preset, size, str(arm.weights), str(arm.changes))
        key = (*choice, arm.recipe, None if arm.data is None else arm.data.path)
        seen[key] = max(seen.get(key, 0), study.seeds_of(arm))
    models = sum(seen.values())
    return models, models - seen.get(untuned, 0)


@dataclass(frozen=True, slots=True)
class _Jobs:
    """Numbers of models in all, unfinished, to train, and to answer each task; number of rows."""

    all: int
    left: int
    trainings: int
    answers: Mapping[str, int]
    rows: int


class _Planning:
    """A study with its rows and items, and a folder for trials."""

    def __init__(
        self, trial: Path, folder: StudyFolder, study: Study, tasks: TaskItems, workers: WorkerPool
    ) -> None:
        self.trial, self.folder, self.study = trial, folder, study
        self.tasks, self.workers = tasks, workers
        self.compute = Compute(device=workers.devices[0])
        self.rows = StudyRows(folder, study.data, study.encoder, self.compute)

    def cost(self) -> Cost:
        study = self.study
        stage1, overlap = self.stage1_seconds(), None
        if stage1 or not scores_are_there(self.rows, study):
            jobs, pool = self.counted(), self.pool_seconds()
        else:
            prepared = prepare_study(self.folder, study, self.tasks, self.compute)
            jobs, pool = self.left(prepared), 0.0
            if self.excludes:
                overlap = sum(len(one.rows) for one in prepared.overlaps)
        training, answering = self.run_seconds(jobs) if jobs.left else (0.0, 0.0)
        judging = None
        if study.judge is not None:
            from finegold.study.judge import judging_cost

            judging = judging_cost(study, self.tasks.items[study.judge.task])
        return Cost(
            runs=jobs.all,
            done=jobs.all - jobs.left,
            stage1=stage1,
            pool=pool,
            training=training,
            answering=answering,
            workers=max(1, min(len(self.workers.devices), jobs.left)),
            judging=judging,
            overlap=overlap,
        )

    @property
    def excludes(self) -> bool:
        """Whether rows that the evaluation contains are excluded."""
        return self.study.evaluation.overlap != "keep"

    def left(self, prepared: Prepared) -> _Jobs:
        """What is to do when every subset is known."""
        jobs = prepared.jobs()
        left = [job for job in jobs if job.left(self.folder)]
        trainings = sum(job.training is not None and job.trained(self.folder) is None for job in left)
        answers = Counter(spec.task for job in left for spec in job.left(self.folder))
        return _Jobs(len(jobs), len(left), trainings, answers, len(prepared.pools[""].run.rows().usable))

    def counted(self) -> _Jobs:
        """What is to do before anything is chosen."""
        count = self.rows.run.dataset.count()
        models, trainings = count_runs(self.study, count)
        return _Jobs(models, models, trainings, dict.fromkeys(self.tasks.items, models), count)

    def stage1_seconds(self) -> float:
        """Training the offline models: photos through the towers, then steps."""
        offline = self.study.offline
        if offline is None:
            return 0.0
        photos, _ = training_photos(offline, self.rows.image_hashes() | self.tasks.image_files())
        where = place(self.folder, offline, photos)
        if finished(where) is not None:
            return 0.0
        from finegold.tuning.offline.trial import time_stage1

        return time_stage1(
            photos,
            epochs=offline.epochs,
            steps=offline.steps,
            agreed_steps=offline.agreed_steps,
            seed=offline.seed,
            heads_done=finished(where / "heads") is not None,
        )

    def trial_pool(self) -> PoolSpec:
        """Evenly spaced rows of the pool, as a dataset in the trial's folder."""
        whole = self.rows.run.dataset
        count = whole.count()
        keep = {round(i * (count - 1) / max(1, min(ROWS, count) - 1)) for i in range(min(ROWS, count))}
        out = Path(tempfile.mkdtemp(dir=self.trial))
        written = whole.write(out, sorted(keep), link=True)
        images = None if written.images is None else str(written.images)
        return PoolSpec(path=str(written.data), images=images, ids=self.rows.ids)

    def pool_seconds(self) -> float:
        """Read, embed and score the trial rows for every preset, look at images of items, and multiply."""
        small = self.trial_pool()
        arms = {arm.chosen_by().fingerprint: arm for arm in self.study.arms if arm.preset}
        presets = [find_preset("stratified"), *(arm.chosen_by() for arm in arms.values())]

        def rows_of(name: str) -> StudyRows:
            return StudyRows(StudyFolder(self.trial / name), small, self.study.encoder, self.compute)

        def score(number: int) -> None:
            rows = rows_of(f"round-{number}")
            for preset in presets:
                rows.tables(preset)
            if self.excludes:
                rows.run.rows().hash_images()

        def look_at_images(number: int) -> None:
            run = rows_of(f"images-{number}").run
            run.rows().hash_images()
            run.embed()

        seconds = _second_time(score) * self.rows.run.dataset.count()
        if self.excludes:
            # The images of items are hashed and embedded as those of rows are.
            seconds += _second_time(look_at_images) * sum(map(len, self.tasks.items.values()))
        return seconds / ROWS

    def run_seconds(self, jobs: _Jobs) -> tuple[float, float]:
        """Trainings and answers, from runs side by side, as many as there are workers, and multiplied."""
        study, tasks, workers = self.study, self.tasks, len(self.workers.devices)
        small, model = self.trial_pool(), base_model(self.folder, study, self.compute)
        counts = {task: len(found) for task, found in tasks.items.items()}
        ours = [spec for spec in tasks.specs if isinstance(spec, TaskSpec)]
        limits = {spec.task: min(counts[spec.task], 2 * spec.batch) for spec in ours}
        specs = tuple(replace(spec, limit=limits[spec.task], items="trial") for spec in ours)
        training = Training(
            rows="trial",
            data=small.path,
            images=small.images,
            ids=small.ids,
            recipe=study.recipe_name,
            settings="",
            steps=STEPS,
            batch=study.batch,
            seed=0,
        )
        # Two for each worker: the first ones import libraries and compute features, the second ones count.
        trials = [
            Job(replace(training, seed=number), model, weights_identity(model), specs)
            for number in range(2 * workers)
        ]
        timed = [facts for _, facts in run_jobs(self.trial / "jobs", trials, self.workers)][workers:]
        train, total = (sum(facts[key] for facts in timed) / len(timed) for key in ("train", "total"))
        answers = {task: sum(facts["answers"][task] for facts in timed) / len(timed) for task in limits}
        other = total - train - sum(answers.values())
        load = _second_time(lambda _: load_model(model, device=self.compute.device).load())
        # Weights are loaded for the first task that needs them.
        answers[specs[0].task] = max(0.0, answers[specs[0].task] - load)
        steps = load_recipe(study.recipe_name, steps=study.steps).steps
        answering = jobs.left * load
        answering += sum(
            models * counts[task] * answers[task] / limits[task] for task, models in jobs.answers.items()
        )
        # The first to see an image computes its features; the others find them.
        answering += (sum(counts.values()) + jobs.rows) * self.image_seconds(model)
        return jobs.trainings * (steps * train / STEPS + other), answering

    def image_seconds(self, model: str) -> float:
        """Zero for a model whose features are not kept: they are part of its answers."""
        if not is_prefix_name(model):
            return 0.0
        source = load_network(model, device=self.compute.device).features
        items = [item for item in next(iter(self.tasks.items.values())) if item.problem is None]
        pictures = [decode(by_content(item.image)) for item in items[:IMAGES]]
        source.encode(pictures[:1])
        begin = time.perf_counter()
        source.encode(pictures)
        return (time.perf_counter() - begin) / len(pictures)


def _second_time(action: Callable[[int], object]) -> float:
    """Seconds of an action's second run: the first one imports libraries and loads models."""
    for number in range(2):
        begin = time.perf_counter()
        action(number)
    return time.perf_counter() - begin


def scores_are_there(pool: StudyRows, study: Study) -> bool:
    """Whether the run folder holds all that the arms need, so that choosing takes seconds."""
    arms = [SelectionSettings.of(arm.chosen_by(), "100%", arm.weights) for arm in study.arms if arm.preset]
    named = {name for settings in arms for name in settings.indicators if is_automatic(name)}
    folder = pool.run.folder
    done = {table.parameters["scorer"] for table in folder.tables("scores")}
    # The study clusters in any case, for the gains by cluster.
    return named <= done and bool(folder.tables("clusters"))
