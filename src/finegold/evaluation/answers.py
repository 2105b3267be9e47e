"""Saved answers: a JSON line an item, whole or in shards, with the settings that they depend on.

OUT/answers/<task>.json             model, prompts, split... of the answers
OUT/answers/<task>.jsonl            the answers, in the task's order
OUT/answers/<task>.<i>-of-<n>.jsonl items i, i + n, i + 2n... (counted from 1), in place of the whole
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.evaluation.task import Item
from finegold.run import (
    WHOLE,
    DamagedError,
    Shard,
    canonical_json,
    folder_lock,
    read_sealed,
    read_sealed_lines,
    replace_lines,
    sealed_line,
    write_sealed,
)
from finegold.samples import Exclusion


@dataclass(frozen=True, slots=True)
class Answer:
    """An item, its prompt, and the answer of the model.

    Attributes:
        id: Id of the item.
        image: Name of the image.
        category: Category of the item.
        prompt: Text that the model got.
        references: Accepted answers or reference captions.
        choices: Choices of a multiple-choice question.
        answer: Text of the model; None if it gave none.
        problem: Why there is no answer; None if there is one.
        image_sha256: Hash of the bytes of the image that the model saw; None if it saw none, and in answers
            of an earlier finegold.
        earlier: Questions and answers of the turns before.
    """

    id: str
    image: str
    category: str
    prompt: str
    references: tuple[str, ...]
    choices: tuple[str, ...]
    answer: str | None
    problem: Exclusion | None
    image_sha256: str | None = None
    earlier: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls, item: Item, prompt: str, result: str | Exclusion, image_sha256: str | None = None
    ) -> "Answer":
        """The answer to an item, from the text of a model or the reason why there is none."""
        answer, problem = (None, result) if isinstance(result, Exclusion) else (result, None)
        asked = (item.id, item.image.name, item.category, prompt, item.references, item.choices)
        return cls(*asked, answer, problem, image_sha256, item.earlier)

    def line(self) -> bytes:
        """The answer as a JSON line with its seal."""
        record = {name: getattr(self, name) for name in self.__slots__}
        if not self.earlier:  # most tasks have single questions
            del record["earlier"]
        if self.problem is not None:
            record["problem"] = {"code": self.problem.code, "reason": self.problem.reason}
        return sealed_line(record)

    def is_well_formed(self) -> bool:
        """Whether every member has its type, as in a file that finegold wrote."""
        texts = [self.id, self.image, self.category, self.prompt, *self.references, *self.choices]
        texts += [text for turns in self.earlier for text in turns]
        whole = self.answer is not None or self.problem is not None
        problem = self.problem is None or isinstance(self.problem.code, str)
        optional = isinstance(self.answer, str | None) and isinstance(self.image_sha256, str | None)
        return whole and problem and optional and all(isinstance(text, str) for text in texts)

    def answers(self, item: Item, prompt: str) -> bool:
        """Whether this is an answer to the item and prompt as they are now."""
        return replace(self, answer="", problem=None, image_sha256=None) == Answer.of(item, prompt, "")


def answer_path(out: Path, task: str, shard: Shard = WHOLE) -> Path:
    """The file of the answers to a task, or of a shard of them."""
    return out / "answers" / f"{task}{shard.ending}.jsonl"


def keep_settings(out: Path, task: str, settings: dict[str, Any]) -> None:
    """Write the settings of a task's answers, or check them against those of earlier answers.

    `items`, their number, may grow.

    Raises:
        RunError: If the folder holds answers of another model or under other settings.
    """
    # Shards that start together write the same file.
    with folder_lock(out / "answers", "name another folder", wait=True):
        for name, earlier in read_settings(out).items():
            for key in settings if name == task else ("model",):
                if key != "items" and canonical_json(earlier.get(key)) != canonical_json(settings[key]):
                    raise RunError(
                        f"{out} holds answers to {name} with {key} {canonical_json(earlier.get(key))}, "
                        f"and now it is {canonical_json(settings[key])}: name another folder"
                    )
            if name == task:
                settings = settings | {"items": max(settings["items"], earlier.get("items", 0))}
        write_sealed(out / "answers" / f"{task}.json", settings)


def read_settings(out: Path) -> dict[str, dict[str, Any]]:
    """The settings of each task in a folder, by task.

    Raises:
        RunError: If a file is damaged.
    """
    found = {path.stem: read_sealed(path) for path in sorted((out / "answers").glob("*.json"))}
    for name, one in found.items():
        model, items = one.get("model"), one.get("items")
        named = isinstance(model, dict) and isinstance(model.get("name"), str)
        texts = all(isinstance(one.get(key), str | None) and key in one for key in ("split", "half"))
        if not (named and texts and type(items) is int):
            raise DamagedError(out / "answers" / f"{name}.json", "it holds no settings of answers")
    return found


def read_answer_file(path: Path) -> list[Answer]:
    """The answers of a file, without a last line that was cut off.

    Raises:
        RunError: If another line is damaged.
    """
    if not path.exists():
        return []
    answers = []
    for number, record in read_sealed_lines(path):
        try:
            if record is None:
                raise ValueError("its content does not fit its hash")
            if record["problem"] is not None:
                record["problem"] = Exclusion(**record["problem"])
            lists = {key: tuple(record[key]) for key in ("references", "choices")}
            lists["earlier"] = tuple((question, said) for question, said in record.get("earlier", ()))
            answer = Answer(**record | lists)
            if not answer.is_well_formed():
                raise TypeError("a member has another type than finegold writes")
            answers.append(answer)
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedError(path, f"line {number} is no answer: {error}") from None
    return answers


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
    whole = answer_path(out, task)
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


def shards_are_complete(out: Path, task: str, count: int) -> bool:
    """Whether each of `count` shards of a task has answered all of its items."""
    total = int(read_settings(out)[task]["items"])
    paths = {number: answer_path(out, task, Shard(number, count)) for number in range(1, count + 1)}
    return all(
        path.exists() and len(read_answer_file(path)) >= len(range(number - 1, total, count))
        for number, path in paths.items()
    )


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Replace a file of answers, whole or not at all."""
    replace_lines(path, (answer.line() for answer in answers))
