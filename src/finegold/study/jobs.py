"""A model, its training and its answers: the unit that a worker runs. Safe to kill and to run again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.run import file_sha256, fingerprint
from finegold.study.folder import StudyFolder, finish, finished
from finegold.study.harness import HarnessSpec
from finegold.study.losses import FILE, write_losses
from finegold.study.task_items import TaskSpec

VERSION = 2
"""Version of the trainings: raise it when the same inputs give other models."""
WEIGHTS = frozenset({".safetensors", ".bin", ".json", ".pth", ".model"})


@dataclass(frozen=True, slots=True)
class Training:
    """What a tuned model depends on beside the model that is tuned, and where its rows are.

    Attributes:
        rows: Fingerprint of the subset.
        data: File or folder of the subset.
        images: Image folder of the subset.
        ids: Where ids come from.
        recipe: Name or file of the recipe.
        settings: The recipe's content with the study's changes.
        steps: Number of training steps in place of the recipe's.
        batch: Rows of a step in place of the recipe's.
        seed: Seed of the training.
    """

    rows: str
    data: str
    images: str | None
    ids: str
    recipe: str
    settings: str
    steps: int | None
    batch: int | None
    seed: int


@dataclass(frozen=True, slots=True)
class Job:
    """A model and the tasks that it answers.

    Attributes:
        training: Training of the model; None for a model as it is.
        model: The model, before any training: a name, a folder or a hub id.
        identity: Identity of that model's weights.
        specs: The tasks, each once.
    """

    training: Training | None
    model: str
    identity: str
    specs: tuple[TaskSpec | HarnessSpec, ...]

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the weights that answer: the name of a tuned model's folder."""
        if self.training is None:
            return self.identity
        depends = {key: getattr(self.training, key) for key in ("rows", "settings", "seed")}
        return fingerprint(depends | {"identity": self.identity, "version": VERSION})

    def answers(self, folder: StudyFolder, task: str) -> Path:
        """Folder of the answers to a task, by its name in tables, which may not be there yet."""
        (spec,) = (spec for spec in self.specs if spec.name == task)
        return folder.path / "answers" / spec.fingerprint(self.fingerprint)

    def left(self, folder: StudyFolder) -> tuple[TaskSpec | HarnessSpec, ...]:
        """The tasks that are not answered yet."""
        return tuple(spec for spec in self.specs if not _complete(self.answers(folder, spec.name), spec))

    def trained(self, folder: StudyFolder) -> dict[str, Any] | None:
        """Seconds and steps of the training; None if it is not done, or there is none."""
        return None if self.training is None else finished(folder.model(self.fingerprint))


def _complete(where: Path, spec: TaskSpec | HarnessSpec) -> bool:
    """Whether answers are all there, and losses too if they are wanted."""
    return finished(where) is not None and not (spec.losses and not (where / FILE).exists())


def run_job(out: Path, job: Job, device: str) -> dict[str, Any]:
    """Train the model and answer the tasks, each unless it is done.

    Args:
        out: The study's folder.
        job: The model and its tasks.
        device: `cpu`, `cuda:1`...

    Returns:
        Seconds: `train`, `answers` by task (the first one's with loading the model), `total`; and `failed`,
        why a harness gave no scores, by task.
    """
    folder = StudyFolder(out)
    begin = time.perf_counter()
    model, train = job.model, 0.0
    if job.training is not None:
        model = str(folder.model(job.fingerprint))
        train = _train(folder, job, job.training, device)["train"]
    seconds, failed = _measure(folder, job, model, device)
    answers = seconds | _answer(folder, job, model, device)
    facts = {"train": train, "answers": answers, "total": time.perf_counter() - begin}
    return facts | ({"failed": failed} if failed else {})


def _train(folder: StudyFolder, job: Job, training: Training, device: str) -> dict[str, Any]:
    from finegold.tuning import tune

    where = folder.model(job.fingerprint)
    if (known := finished(where)) is not None:
        return known
    result = tune(
        training.data,
        model=job.model,
        out=where,
        recipe=training.recipe,
        images=training.images,
        ids="row" if training.ids == "row" else "record",
        steps=training.steps,
        batch_size=training.batch,
        seed=training.seed,
        device=device,
        features=folder.features,
    )
    # Of a training that was killed only the steps since then were timed.
    seconds = result.seconds * result.steps / result.done if result.done else 0.0
    facts = {"train": seconds, "steps": result.steps, "last_loss": result.last_loss}
    finish(where, facts)
    return facts


def _measure(
    folder: StudyFolder, job: Job, model: str, device: str
) -> tuple[dict[str, float], dict[str, str]]:
    """Seconds of a harness by task, and why it gave no scores for a task."""
    seconds, failed = {}, {}
    for spec in job.left(folder):
        if isinstance(spec, HarnessSpec):
            begin, where = time.perf_counter(), job.answers(folder, spec.name)
            try:
                spec.run(where, model, device)
            except RunError as error:
                failed[spec.name] = str(error)
                continue
            seconds[spec.name] = time.perf_counter() - begin
            finish(where, {"seconds": seconds[spec.name]})
    return seconds, failed


def _answer(folder: StudyFolder, job: Job, model: str, device: str) -> dict[str, float]:
    from finegold.evaluation import EvaluationOptions, answer_task
    from finegold.evaluation.answering import find_profile
    from finegold.models import load_model

    seconds: dict[str, float] = {}
    todo = [spec for spec in job.left(folder) if isinstance(spec, TaskSpec)]
    if not todo:
        return seconds
    with load_model(model, device=device, features=folder.features) as answering:
        for spec in todo:
            begin = time.perf_counter()
            task = spec.open()
            where = job.answers(folder, task.name)
            options = EvaluationOptions(
                prompts=spec.prompts,
                splits=() if spec.split is None else ((task.name, spec.split),),
                limit=spec.limit,
                profile=find_profile(spec.profile),
                max_new_tokens=spec.max_new_tokens,
                batch_size=spec.batch,
            )
            answer_task(task, Path(spec.data), where, answering, options)
            if spec.losses:
                write_losses(where, answering, spec)
            seconds[spec.task] = time.perf_counter() - begin
            finish(where, {"seconds": seconds[spec.task]})
    return seconds


def weights_identity(model: str) -> str:
    """Identity of a model's weights: the hashes of a folder's files, or the name of a model of a hub."""
    from finegold.offline.captioner import OFFLINE_MODELS

    if model in OFFLINE_MODELS:
        return f"{model} {OFFLINE_MODELS[model].sha256}"
    folder = Path(model)
    if not folder.is_dir():
        return model
    files: Mapping[str, str] = {
        str(file.relative_to(folder)): file_sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.suffix in WEIGHTS and file.name != "done.json"
    }
    return fingerprint(files)
