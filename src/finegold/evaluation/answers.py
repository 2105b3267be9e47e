"""Saved answers: a JSON line an item, whole or in shards, beside the settings that they were made under.

OUT/answers/<task>.json             model, prompts, split... of the answers
OUT/answers/<task>.jsonl            the answers, in the task's order
OUT/answers/<task>.<i>-of-<n>.jsonl items i, i + n, i + 2n... (counted from 1), in place of the former
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError, RunError
from finegold.evaluation.task import Item
from finegold.run import canonical_json, write_json, write_text
from finegold.samples import Exclusion
from finegold.samples.json_text import dump_json


@dataclass(frozen=True, slots=True)
class Answer:
    """One item, what was asked, and what came back.

    Attributes:
        id: The item's.
        image: Name of its image.
        category: The item's.
        prompt: As given to the model.
        references: Accepted answers or reference captions.
        choices: Of a multiple-choice question.
        answer: None if there is none.
        problem: Why there is none; set exactly then.
    """

    id: str
    image: str
    category: str
    prompt: str
    references: tuple[str, ...]
    choices: tuple[str, ...]
    answer: str | None
    problem: Exclusion | None

    @classmethod
    def of(cls, item: Item, prompt: str, result: str | Exclusion) -> "Answer":
        """From what a model gave."""
        failed = isinstance(result, Exclusion)
        return cls(
            id=item.id,
            image=item.image.name,
            category=item.category,
            prompt=prompt,
            references=item.references,
            choices=item.choices,
            answer=None if failed else str(result),
            problem=result if isinstance(result, Exclusion) else None,
        )

    def line(self) -> str:
        """As a JSON line."""
        record = {name: getattr(self, name) for name in self.__slots__}
        out = self.problem
        problem = None if out is None else {"code": out.code, "reason": out.reason}
        return dump_json(record | {"problem": problem}).decode() + "\n"

    def answers(self, item: Item, prompt: str) -> bool:
        """Whether it was made for this item as it is now."""
        return self.asked == Answer.of(item, prompt, "").asked

    @property
    def asked(self) -> tuple[Any, ...]:
        """All but what came back."""
        return self.id, self.image, self.category, self.prompt, self.references, self.choices


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a task's items: every `count`-th, from the `index`-th on, counted from 1."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str | None) -> "Shard":
        """From `2/4`; all items if None.

        Raises:
            ConfigError: If it is not of that form.
        """
        if text is None:
            return cls()
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(f"the shard is '{text}', expected I/N with I from 1 to N, such as 2/4")
        return cls(int(found[1]), int(found[2]))

    def of(self, items: list[Item]) -> list[Item]:
        """The shard's items."""
        return items[self.index - 1 :: self.count]

    def path(self, out: Path, task: str) -> Path:
        """Its file."""
        part = "" if self.count == 1 else f".{self.index}-of-{self.count}"
        return out / "answers" / f"{task}{part}.jsonl"


ALL_ITEMS = Shard()


def keep_settings(out: Path, task: str, settings: dict[str, Any]) -> None:
    """Write the settings of a task's answers, or check them against those of earlier answers.

    `items`, their number, may grow.

    Raises:
        RunError: If the folder holds answers of another model or under other settings.
    """
    for name, earlier in read_settings(out).items():
        for key in settings if name == task else ("model",):
            if key != "items" and canonical_json(earlier.get(key)) != canonical_json(settings[key]):
                raise RunError(
                    f"{out} holds answers to {name} with {key} {canonical_json(earlier.get(key))}, "
                    f"and now it is {canonical_json(settings[key])}: name another folder"
                )
        if name == task:
            settings = settings | {"items": max(settings["items"], earlier["items"])}
    write_json(out / "answers" / f"{task}.json", settings)


def read_settings(out: Path) -> dict[str, dict[str, Any]]:
    """The settings of each task in a folder, by task.

    Raises:
        RunError: If a file is damaged.
    """
    found = {}
    for path in sorted((out / "answers").glob("*.json")):
        try:
            found[path.stem] = dict(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            raise RunError(f"{path} is not JSON settings: remove it together with its answers") from None
    return found


def read_answer_file(path: Path) -> list[Answer]:
    """The answers of a file; a last line that was cut off is left out.

    Raises:
        RunError: If another line is damaged.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    answers = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            answers.append(_parse(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            raise RunError(
                f"{path} line {number} is not an answer: remove the line, and it is asked again"
            ) from None
    return answers


def _parse(record: dict[str, Any]) -> Answer:
    problem = record["problem"]
    lists = {key: tuple(record[key]) for key in ("references", "choices")}
    return Answer(**(record | lists | {"problem": None if problem is None else Exclusion(**problem)}))


def read_all_answers(out: Path, task: str) -> list[Answer]:
    """The answers of a task, in the task's order, whether in one file or in shards.

    Raises:
        RunError: If a shard is missing, or there are shards of several divisions.
    """
    folder = out / "answers"
    parts = {}
    for path in folder.glob(f"{task}.*-of-*.jsonl"):
        index, count = (int(number) for number in path.stem.removeprefix(f"{task}.").split("-of-"))
        parts[count, index] = path
    whole = Shard().path(out, task)
    counts = {count for count, _ in parts}
    if (whole.exists() and counts) or len(counts) > 1:
        raise RunError(f"{folder} holds answers to {task} in several divisions: keep the files of one")
    if not counts:
        return read_answer_file(whole)
    count = counts.pop()
    missing = [str(index) for index in range(1, count + 1) if (count, index) not in parts]
    if missing:
        raise RunError(
            f"{folder} lacks the shards {', '.join(missing)} of {count} of {task}: run them, then score with "
            "--rescore"
        )
    shards = [read_answer_file(parts[count, index]) for index in range(1, count + 1)]
    longest = max(len(shard) for shard in shards)
    return [shard[row] for row in range(longest) for shard in shards if row < len(shard)]


class AnswerFile:
    """A file of answers that grows; each write is one piece, so a kill leaves at most one cut-off line."""

    def __init__(self, path: Path, kept: Iterable[Answer], *, rewrite: bool) -> None:
        """Open for appending.

        Args:
            path: The file.
            kept: Answers that stay.
            rewrite: Whether the file holds something else than these.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        if rewrite:
            write_text(path, "".join(answer.line() for answer in kept))
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, answers: Iterable[Answer]) -> None:
        """Write answers."""
        os.write(self._file, "".join(answer.line() for answer in answers).encode())

    def close(self) -> None:
        """Close it."""
        os.close(self._file)
