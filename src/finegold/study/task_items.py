"""The items that every model answers. Tasks are independent, so that another can be added later."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from finegold.engines import map_ordered
from finegold.evaluation.answering import EvaluationOptions
from finegold.evaluation.evaluate import require_files
from finegold.evaluation.task import Item, Task, find_tasks
from finegold.run import file_sha256, fingerprint
from finegold.study.harness import HarnessSpec, harness_specs
from finegold.study.study import Study
from finegold.workflow.overlap import Benchmark, readable_sha256, task_benchmark

VERSION = 3
"""Version of the answers: raise it when the same inputs give other answers."""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task with all that its answers depend on.

    Attributes:
        task: The task, as the study names it: `flickr30k`, `questions=heldout.json`.
        data: Folder of its files, if it is named without them.
        split: Name of the split; None for the first.
        prompts: Version of the wording.
        limit: Number of items, the first ones; None for all.
        batch: Items of one forward pass.
        losses: Whether losses of the reference captions are measured, with the right and with a wrong image.
        items: Fingerprint of the items, with the hashes of their images.
        profile: How questions are put.
        max_new_tokens: Number of tokens at which an answer is cut; None for the prompt's.
    """

    task: str
    data: str
    split: str | None
    prompts: str
    limit: int | None
    batch: int
    losses: bool
    items: str
    profile: str = "greedy"
    max_new_tokens: int | None = None

    def fingerprint(self, model: str) -> str:
        """Name of the folder of a model's answers.

        Args:
            model: Fingerprint of the model's weights.
        """
        unused = {"data", "task"} | ({"profile"} if self.profile == "greedy" else set())
        unused |= {"max_new_tokens"} if self.max_new_tokens is None else set()
        depends = {key: value for key, value in asdict(self).items() if key not in unused}
        depends |= {"task": self.name}
        return fingerprint({"model": model, "asked": depends, "version": VERSION})

    @property
    def name(self) -> str:
        """Name of the task in answers and tables."""
        return self.open().name

    def open(self) -> Task:
        """The task."""
        return find_tasks([self.task])[0]

    def read(self) -> list[Item]:
        """The items of the task, read from its files."""
        task = self.open()
        return task.items(Path(self.data), task.split(self.split), limit=self.limit)


@dataclass(frozen=True, slots=True)
class TaskItems:
    """The tasks and items that the models of a study answer.

    Attributes:
        specs: The evaluation's tasks in their order, then the judge's unless it is one of them.
        items: Items of each task of finegold, by the study's name for it.
    """

    specs: tuple[TaskSpec | HarnessSpec, ...]
    items: Mapping[str, list[Item]]

    def benchmarks(self, *, files_only: bool) -> tuple[Benchmark, ...]:
        """The items of each task, for rows to be compared with: all of it, or by image files alone."""
        found = []
        for spec in self.specs:
            if isinstance(spec, HarnessSpec):
                continue
            task = spec.open()
            folder = Path(spec.data).absolute() if task.data is None else Path(task.data).absolute()
            name = f"{task.name}/{task.split(spec.split).name}"
            found.append(task_benchmark(name, folder, self.items[spec.task], files_only=files_only))
        return tuple(found)

    def image_files(self) -> set[str]:
        """Hex sha256 of the image files."""
        paths = {item.image.path for items in self.items.values() for item in items if item.image.path}
        return {file_sha256(path) for path in paths if path.is_file()}


def read_task_items(study: Study) -> TaskItems:
    """Read the items of every task.

    Raises:
        DataError: If files are missing or not as published; the message says where to get them.
    """
    wanted = study.evaluation
    others = harness_specs(study)
    ours = [name for name in study.tasks if name not in [spec.task for spec in others]]
    find_tasks(ours)
    options = EvaluationOptions(splits=tuple(wanted.splits.items()))
    places = [
        (name, str(study.task_data(name)), wanted.limit if name in wanted.tasks else None) for name in ours
    ]
    for folder in dict.fromkeys(data for _, data, _ in places):
        require_files(find_tasks([name for name, data, _ in places if data == folder]), Path(folder), options)
    specs: list[TaskSpec | HarnessSpec] = [*others]
    found: dict[str, list[Item]] = {}
    for name, data, limit in places:
        losses = wanted.losses and find_tasks([name])[0].kind == "caption"
        spec = TaskSpec(
            name,
            data,
            wanted.splits.get(name),
            wanted.wording,
            limit,
            wanted.batch,
            losses,
            "",
            wanted.profile,
            wanted.max_new_tokens,
        )
        found[name] = spec.read()
        # The answer to an item will say that its image cannot be read.
        hashes = map_ordered(readable_sha256, (item.image for item in found[name]))
        own = spec.open().over is not None
        identities = [_identity(*one, own) for one in zip(found[name], hashes, strict=True)]
        specs.append(replace(spec, items=fingerprint({"items": identities})))
    return TaskItems(tuple(specs), found)


def _identity(item: Item, image: str | None, own: bool) -> list[object]:
    """What an answer to an item depends on, with the hash of its image's bytes.

    A benchmark's questions have one turn, and their categories are part of the task's version.
    """
    found: list[object] = [item.id, item.image.name, image, item.question, item.context, item.choices]
    found.append(item.references)
    return [*found, item.category, item.earlier] if own else found
