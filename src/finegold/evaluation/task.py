"""What a benchmark is: its files, its items, its prompts by version, the longest answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from finegold.errors import ConfigError, DataError
from finegold.samples import ImageRef

Kind = Literal["caption", "choice", "open", "yes-no", "count", "free"]
"""What an answer is; decides how it is scored. A free answer is for a judge."""

DEFAULT_PROMPTS = "ehub-2023-07"


@dataclass(frozen=True, slots=True)
class Item:
    """One question about one image.

    Attributes:
        id: Unique in the task.
        image: Where the image is; its name says which items share an image.
        references: Accepted answers or reference captions; empty only for a free answer.
        question: As published; empty for captions.
        choices: Of a multiple-choice question, as published.
        context: A hint that belongs to the question.
        category: For results by group.
    """

    id: str
    image: ImageRef
    references: tuple[str, ...]
    question: str = ""
    choices: tuple[str, ...] = ()
    context: str = ""
    category: str = "all"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A wording and the longest answer that goes with it.

    Attributes:
        template: May use `{question}`, `{options}` (choices joined by a space), `{lettered}` (a line a
            choice) and `{context}` (the hint and a line end, or nothing).
        max_new_tokens: Longest answer.
    """

    template: str
    max_new_tokens: int

    def render(self, item: Item) -> str:
        """The text that the model gets."""
        lettered = (f"{letter}. {choice}" for letter, choice in zip("ABCDEFGHIJ", item.choices, strict=False))
        return self.template.format(
            question=item.question,
            options=" ".join(item.choices),
            lettered="\n".join(lettered),
            context=f"{item.context}\n" if item.context else "",
        )


@dataclass(frozen=True, slots=True)
class Source:
    """A published file or folder.

    Attributes:
        path: Below the task's folder, as published; a folder ends in `/`.
        url: Where to get it.
        terms: Under which terms.
        images: Whether it holds the images, which a model that sees none can do without.
        instead: Another published form of the same, which does as well.
    """

    path: str
    url: str
    terms: str
    images: bool = False
    instead: str | None = None

    def below(self, folder: Path) -> bool:
        """Whether it is there."""
        return (folder / self.path).exists() or (
            self.instead is not None and (folder / self.instead).exists()
        )


@dataclass(frozen=True, slots=True)
class Split:
    """A set of items.

    Attributes:
        name: For `--split`.
        items: Published number.
        sources: Files that it needs.
        about: One sentence.
        sample: Items to draw from those read, as LVLM-eHub draws; None for all.
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
        name: For `--tasks`.
        title: For tables.
        kind: What an answer is.
        version: Counts up whenever an item or a score would change.
        folder: Its folder below the data folder.
        splits: The first is LVLM-eHub's.
        prompts: By version.
        read: Yields the items of a split from the task's folder, before any sample is drawn.
        fitted_by: Published selectors that were fitted on this task, so that its scores flatter them.
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

    def split(self, name: str | None = None) -> Split:
        """A split by name; the first if None.

        Raises:
            ConfigError: If there is none of that name.
        """
        for split in self.splits:
            if name is None or split.name == name:
                return split
        names = ", ".join(split.name for split in self.splits)
        raise ConfigError(f"the task {self.name} has no split '{name}': it has {names}")

    def prompt(self, version: str) -> Prompt:
        """A prompt by version.

        Raises:
            ConfigError: If there is none of that version.
        """
        if version not in self.prompts:
            raise ConfigError(
                f"the task {self.name} has no prompts '{version}': it has {', '.join(self.prompts)}"
            )
        return self.prompts[version]

    def locate(self, data: Path, split: Split) -> Path:
        """The task's folder: below the data folder, or the data folder itself if the files lie there."""
        below = data / self.folder
        direct = any(source.below(data) for source in split.sources)
        return data if direct and not below.is_dir() else below

    def missing(self, data: Path, split: Split, *, blind: bool = False) -> list[Source]:
        """Sources of a split that are not on disk.

        Args:
            data: The data folder.
            split: Of this task.
            blind: Leave out the images.
        """
        folder = self.locate(data, split)
        return [
            source for source in split.sources if not (blind and source.images) and not source.below(folder)
        ]

    def items(self, data: Path, split: Split, *, limit: int | None = None) -> list[Item]:
        """The items of a split in their order, samples drawn.

        Args:
            data: The data folder.
            split: Of this task.
            limit: Only the first so many.

        Raises:
            DataError: If the files are not as published, or hold no item.
        """
        items = self.read(self.locate(data, split), split)
        if not items:
            raise DataError(f"the files of the task {self.name} hold no item of the split {split.name}")
        if split.sample is not None and split.sample < len(items):
            items = [items[row] for row in draw_rows(len(items), split.sample)]
        return items[:limit]


def draw_rows(count: int, sample: int, seed: int = 0) -> list[int]:
    """Rows as LVLM-eHub draws them: numpy's legacy generator, without replacement, in the order drawn."""
    # The legacy generator is the point: its stream is frozen, and it is what the published sample came from.
    drawn = np.random.RandomState(seed).choice(count, sample, replace=False)
    return [int(row) for row in drawn]
