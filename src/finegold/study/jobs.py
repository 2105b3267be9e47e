"""One training and what is measured of it: the unit that a worker runs. Safe to kill and to run again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finegold.run import file_sha256, fingerprint
from finegold.study.folder import StudyFolder, finish, finished
from finegold.study.study import Evaluation

VERSION = 1
"""Raised when the same inputs would give other models or answers."""
WEIGHTS = frozenset({".safetensors", ".bin", ".json", ".pth", ".model"})


@dataclass(frozen=True, slots=True)
class Training:
    """What a tuned model depends on, and where its rows are.

    Attributes:
        model: What is tuned: a name, a folder or a hub id.
        identity: What its weights are.
        rows: Fingerprint of the subset.
        data: File or folder of the subset.
        images: Its image folder.
        ids: Where ids come from.
        recipe: Name or file.
        settings: The recipe's content with the study's changes.
        steps: In place of the recipe's.
        batch: In place of the recipe's.
        seed: Of the training.
    """

    model: str
    identity: str
    rows: str
    data: str
    images: str | None
    ids: str
    recipe: str
    settings: str
    steps: int | None
    batch: int | None
    seed: int

    @property
    def fingerprint(self) -> str:
        """Names the model's folder."""
        depends = {key: getattr(self, key) for key in ("identity", "rows", "settings", "seed")}
        return fingerprint(depends | {"version": VERSION})


@dataclass(frozen=True, slots=True)
class Job:
    """A model and what is asked of it.

    Attributes:
        training: None for a model as it is.
        model: Its name; of a training, the model that was tuned.
        identity: What its weights are.
        evaluation: What is asked.
        also: Tasks whose answers a judge will read, with the folder of their files.
        shared: Fingerprint of what all answers depend on: the tasks' files.
    """

    training: Training | None
    model: str
    identity: str
    evaluation: Evaluation
    also: tuple[tuple[str, str], ...]
    shared: str

    @property
    def fingerprint(self) -> str:
        """Names the folder of the answers."""
        model = self.identity if self.training is None else self.training.fingerprint
        asked = self.evaluation.model_dump(exclude={"data"}) | {"also": [name for name, _ in self.also]}
        return fingerprint({"model": model, "asked": asked, "files": self.shared, "version": VERSION})


def run_job(out: Path, job: Job, device: str) -> dict[str, Any]:
    """Train, unless that is done, and answer, unless that is done.

    Args:
        out: The study's folder.
        job: What to do.
        device: `cpu`, `cuda:1`...

    Returns:
        Seconds of both: `train`, `steps`, `answer`, `loss`, `total`.
    """
    folder = StudyFolder(out)
    where = folder.answers(job.fingerprint)
    known = finished(where)
    if known is not None:
        return known
    begin = time.perf_counter()
    facts: dict[str, Any] = {"train": 0.0, "steps": 0}
    model = job.model
    if job.training is not None:
        model = str(folder.model(job.training.fingerprint))
        facts |= _train(folder, job.training, device)
    facts |= _answer(folder, where, job, model, device)
    facts["total"] = time.perf_counter() - begin
    finish(where, facts)
    return facts


def _train(folder: StudyFolder, training: Training, device: str) -> dict[str, Any]:
    from finegold.tuning import tune

    where = folder.model(training.fingerprint)
    known = finished(where)
    if known is not None:
        return known
    result = tune(
        training.data,
        model=training.model,
        out=where,
        recipe=training.recipe,
        images=training.images,
        ids="row" if training.ids == "row" else "record",
        steps=training.steps,
        batch=training.batch,
        seed=training.seed,
        device=device,
        cache=folder.features,
    )
    # Of a training that was killed only the steps since then were timed.
    seconds = result.seconds * result.steps / result.done if result.done else 0.0
    facts = {"train": seconds, "steps": result.steps, "last_loss": result.last_loss}
    finish(where, facts)
    return facts


def _answer(folder: StudyFolder, where: Path, job: Job, model: str, device: str) -> dict[str, Any]:
    from finegold.evaluation import find_tasks
    from finegold.evaluation.evaluate import Options, answer_task
    from finegold.evaluation.generators import find_profile, open_generator
    from finegold.evaluation.generators.prefix import PrefixGenerator
    from finegold.study.losses import write_losses
    from finegold.tuning.models import is_prefix_name

    asked = job.evaluation
    profile = find_profile("greedy")
    own = is_prefix_name(model)
    prefix = PrefixGenerator(model, profile, device=device, features=folder.features) if own else None
    generator = prefix or open_generator(model, profile, device=device)
    begin = time.perf_counter()
    try:
        for name, data in [*((name, asked.data) for name in asked.tasks), *job.also]:
            (task,) = find_tasks([name])
            options = Options(
                prompts=asked.prompts,
                splits=tuple(asked.splits.items()),
                limit=asked.limit if name in asked.tasks else None,
                batch_size=asked.batch,
            )
            answer_task(task, Path(data), where, generator, profile, options)
        answered = time.perf_counter()
        if asked.losses and prefix is not None:
            write_losses(where, prefix.model, asked)
    finally:
        generator.close()
    return {"answer": answered - begin, "loss": time.perf_counter() - answered}


def model_identity(model: str) -> str:
    """What a model's weights are: hashes of the files of a folder; else its name, as a hub id must do."""
    from finegold.tuning.offline import SHA256

    if model == "offline":
        return f"offline {SHA256}"
    folder = Path(model)
    if not folder.is_dir():
        return model
    files: Mapping[str, str] = {
        str(file.relative_to(folder)): file_sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.suffix in WEIGHTS and file.name != "done.json"
    }
    return fingerprint(files)
