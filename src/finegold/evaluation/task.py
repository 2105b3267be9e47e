"""A benchmark: its files, its items, and its prompts by version; and the registry of all benchmarks.

A task is one file in `tasks/`, or an entry point of another package in the group `finegold.tasks`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from finegold.errors import ConfigError, DataError, did_you_mean
from finegold.registry import Registry
from finegold.samples import Exclusion, ImageRef

Kind = Literal["caption", "choice", "open", "short", "yes-no", "count", "free"]
"""What an answer is; decides how it is scored. An open answer has ten annotators, a short one any number of
references; a free answer is for a judge."""

DEFAULT_PROMPTS = "ehub-2023-07"


@dataclass(frozen=True, slots=True)
class Item:
    """One question about one image.

    Attributes:
        id: Unique in the task.
        image: Where the image is; its name says which items share an image.
        references: Accepted answers or reference captions; empty only for a free answer.
        question: The question as published; empty for captions.
        choices: Choices of a multiple-choice question as published.
        context: A hint that belongs to the question; empty without one.
        category: Group of the item in results by category.
        earlier: Questions and answers of the turns before, for a model that can be shown them.
        problem: Why the item cannot be asked, which then counts as failed; None if it can.
    """

    id: str
    image: ImageRef
    references: tuple[str, ...]
    question: str = ""
    choices: tuple[str, ...] = ()
    context: str = ""
    category: str = "all"
    earlier: tuple[tuple[str, str], ...] = ()
    problem: Exclusion | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A wording and the number of tokens of an answer to it.

    Attributes:
        template: May use `{question}`, `{options}` (choices joined by a space), `{lettered}` (a line a
            choice) and `{context}` (the hint and a line end, or nothing).
        max_new_tokens: Number of tokens at which an answer is cut.
    """

    template: str
    max_new_tokens: int

    def render(self, item: Item) -> str:
        """The prompt of an item."""
        lettered = (f"{letter}. {choice}" for letter, choice in zip("ABCDEFGHIJ", item.choices, strict=False))
        return self.template.format(
            question=item.question,
            options=" ".join(item.choices),
            lettered="\n".join(lettered),
            context=f"{item.context}\n" if item.context else "",
        )


CAPTION_PROMPTS: Mapping[str, Prompt] = {
    "ehub-2023-07": Prompt("what is described in the image?", 16),
    "ehub-2023-04": Prompt("Generate caption of this image:", 16),
    "direct": Prompt("Describe this image in one sentence.", 40),
}
"""Prompts of caption tasks. `ehub-2023-07` is LVLM-eHub's wording since 2023-07-06 and `ehub-2023-04` the one
before, which differs for captions only. `direct` is finegold's: it states which kind of answer is
expected, and a caption has enough tokens to end."""


def question_prompts(ehub: str, direct: str) -> Mapping[str, Prompt]:
    """Prompts of a question task, by version.

    Args:
        ehub: Template of both LVLM-eHub versions, whose answers have at most 256 tokens.
        direct: Template of finegold's version, whose answers have at most 16.
    """
    return {
        "ehub-2023-07": Prompt(ehub, 256),
        "ehub-2023-04": Prompt(ehub, 256),
        "direct": Prompt(direct, 16),
    }


@dataclass(frozen=True, slots=True)
class Source:
    """A published file or folder.

    Attributes:
        path: Below the task's folder, as published; a folder ends in `/`.
        url: Where to get it.
        terms: The terms that it is published under.
        images: Whether it holds the images, which a blind model does not need.
        instead: Path of another published form of the same content; None if there is none.
    """

    path: str
    url: str
    terms: str
    images: bool = False
    instead: str | None = None

    def below(self, folder: Path) -> bool:
        """Whether the file or its other form is in a folder."""
        return any((folder / path).exists() for path in (self.path, self.instead) if path is not None)


@dataclass(frozen=True, slots=True)
class Split:
    """A set of items.

    Attributes:
        name: Name for `--split`.
        items: Number of items as published.
        sources: Files that the split needs.
        about: What the split holds, in one sentence.
        sample: Number of items to draw from those read, as LVLM-eHub draws; None for all.
    """

    name: str
    items: int
    sources: tuple[Source, ...]
    about: str
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A benchmark.

    Attributes:
        name: Name for `--tasks`.
        title: Name for tables.
        kind: What an answer is; decides how it is scored.
        version: Counts up whenever an item or a score would change.
        folder: Name of its folder below the data folder.
        splits: Sets of items; the first is the default.
        prompts: Prompt of each version.
        read: Reads the items of a split from the task's folder, before any sample is drawn.
        fitted_by: Published selectors that were fitted on this task, so that its scores favour them.
        data: Where its files are, where they are named together with the task; None below a data folder.
        over: Makes the task of another dataset of the user's own; None for a benchmark.
    """

    name: str
    title: str
    kind: Kind
    version: int
    folder: str
    splits: tuple[Split, ...]
    prompts: Mapping[str, Prompt]
    read: Callable[[Path, Split], list[Item]]
    fitted_by: tuple[str, ...] = ()
    data: str | None = None
    over: "Callable[[str], Task] | None" = None

    def at(self, data: str) -> "Task":
        """The task with its files at a place: a folder of a benchmark's, or any dataset of one's own."""
        return replace(self, data=data) if self.over is None else self.over(data)

    def split(self, name: str | None = None) -> Split:
        """A split by name; the first if None.

        Raises:
            ConfigError: If there is none of that name.
        """
        for split in self.splits:
            if name is None or split.name == name:
                return split
        names = [split.name for split in self.splits]
        like = did_you_mean(str(name), names)
        raise ConfigError(f"the task {self.name} has no split '{name}'{like}: it has {', '.join(names)}")

    def prompt(self, version: str) -> Prompt:
        """A prompt by version.

        Raises:
            ConfigError: If there is none of that version.
        """
        if version not in self.prompts:
            raise ConfigError(
                f"the task {self.name} has no prompts '{version}'{did_you_mean(version, self.prompts)}: "
                f"it has {', '.join(self.prompts)}"
            )
        return self.prompts[version]

    def locate(self, data: Path, split: Split) -> Path:
        """The task's folder: below the data folder, or the data folder itself if the files lie there."""
        data = data if self.data is None else Path(self.data)
        below = data / self.folder
        direct = any(source.below(data) for source in split.sources)
        return data if direct and not below.is_dir() else below

    def missing(self, data: Path, split: Split, *, blind: bool = False) -> list[Source]:
        """Sources of a split that are not in the data folder; a blind model needs no images."""
        folder = self.locate(data, split)
        return [one for one in split.sources if not ((blind and one.images) or one.below(folder))]

    def items(self, data: Path, split: Split, *, limit: int | None = None) -> list[Item]:
        """The items of a split in their order, samples drawn.

        Args:
            data: The data folder.
            split: A split of this task.
            limit: Number of items to keep, the first ones; None for all.

        Raises:
            DataError: If the files are not as published, or hold no item.
        """
        items = self.read(self.locate(data, split), split)
        if not items:
            raise DataError(f"the files of the task {self.name} hold no item of the split {split.name}")
        if split.sample is not None and split.sample < len(items):
            items = [items[row] for row in draw_rows(len(items), split.sample)]
        return items[:limit]


def _checked(name: str, plugin: object) -> Task:
    if not isinstance(plugin, Task) or plugin.name != name:
        found = f"the task '{plugin.name}'" if isinstance(plugin, Task) else type(plugin).__name__
        raise ConfigError(
            f"the task '{name}' is {found}, expected a finegold.evaluation.Task of that name: register the "
            "task under its own name"
        )
    return plugin


TASKS: Registry[Task] = Registry("task", "finegold.tasks", "finegold.evaluation.tasks", check=_checked)
"""The benchmarks by name: the paper's seven, a repaired one, LLaVA-Bench's questions, and plug-ins."""


def add_task(task: Task) -> None:
    """Register a task under its name."""
    TASKS.add(task.name, task)


def find_tasks(names: Sequence[str]) -> list[Task]:
    """Tasks by name, each once; `all` stands for every benchmark.

    Args:
        names: Each a name, or `NAME=DATA` for a task whose files are at DATA.

    Raises:
        ConfigError: If there is no task of a name, or one is named with two places.
    """
    if "all" in names:
        return [task for task in TASKS.usable().values() if task.over is None]
    found: dict[str, tuple[str, Task]] = {}
    for written in dict.fromkeys(names):
        name, equals, data = written.partition("=")
        task = TASKS.get(name)
        task = task.at(data) if equals else task
        other, _ = found.setdefault(task.name, (written, task))
        if other != written:
            raise ConfigError(
                f"the tasks '{other}' and '{written}' are both called {task.name}: give one of the files "
                "another name"
            )
    return [task for _, task in found.values()]


def known_tasks(names: Iterable[str]) -> list[Task]:
    """The tasks of saved answers, in the order of `TASKS`; one of a package that is gone is left out."""
    known = TASKS.names()
    base = {name: name.partition("=")[0] for name in names}
    there = [name for name in base if base[name] in known]
    return find_tasks(sorted(there, key=lambda name: (known.index(base[name]), name)))


def draw_rows(count: int, sample: int, seed: int = 0) -> list[int]:
    """Rows as LVLM-eHub draws them: numpy's legacy generator, without replacement, in the order drawn."""
    # The stream of the legacy generator is frozen, and the published sample came from it.
    return [int(row) for row in np.random.RandomState(seed).choice(count, sample, replace=False)]
