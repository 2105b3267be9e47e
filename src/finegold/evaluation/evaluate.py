"""Answer tasks and score the answers."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from finegold.errors import DataError
from finegold.evaluation.answering import AnswerOptions, AnswerRun, Profile, answer_items
from finegold.evaluation.answers import ALL_ITEMS, Shard, keep_settings, read_all_answers
from finegold.evaluation.questions import answer_record
from finegold.evaluation.task import DEFAULT_PROMPTS, Item, Prompt, Split, Task
from finegold.models import Model
from finegold.run import write_text

Half = Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What is asked, and how.

    Attributes:
        prompts: Version of the wording.
        splits: Split by task name; the task's first where none is named.
        limit: Only the first items of each split.
        half: Only the images of one half, to fit a selection on one and report the other.
        shard: Only a part of the items.
        max_new_tokens: Number of tokens at which an answer is cut, in place of the prompt's.
        seed: Seed of the profile's draws.
        batch_size: Items a call.
        retry_failed: Whether items that failed earlier are asked again.
    """

    prompts: str = DEFAULT_PROMPTS
    splits: tuple[tuple[str, str], ...] = ()
    limit: int | None = None
    half: Half | None = None
    shard: Shard = ALL_ITEMS
    max_new_tokens: int | None = None
    seed: int = 0
    batch_size: int = 16
    retry_failed: bool = False

    def split(self, task: Task) -> Split:
        """The split of a task."""
        return task.split(dict(self.splits).get(task.name))

    def prompt(self, task: Task) -> Prompt:
        """The prompt of a task."""
        prompt = task.prompt(self.prompts)
        return prompt if self.max_new_tokens is None else Prompt(prompt.template, self.max_new_tokens)


def missing_files(
    tasks: Sequence[Task], data: Path, options: EvaluationOptions, *, blind: bool
) -> dict[str, str]:
    """What is not on disk, by task: each file with where to get it and its terms."""
    found = {}
    for task in tasks:
        sources = task.missing(data, options.split(task), blind=blind)
        if sources:
            found[task.name] = "; ".join(f"{s.path} from {s.url}, terms: {s.terms}" for s in sources)
    return found


def answer_task(
    task: Task, data: Path, out: Path, model: Model, profile: Profile, options: EvaluationOptions
) -> AnswerRun:
    """Complete the answers to a task in a folder.

    Raises:
        ConfigError: If the model cannot choose tokens as the profile wants.
        DataError: If the task's files are missing or not as published.
        RunError: If the folder holds answers of another model or under other settings.
    """
    missing = missing_files([task], data, options, blind=model.blind)
    if missing:
        raise missing_error(missing, data)
    split, prompt = options.split(task), options.prompt(task)
    model.check_sampling(profile.sampling(prompt.max_new_tokens, options.seed))
    items = task.items(data, split)
    if options.half is not None:
        items = [item for item in items if half_of(item.image.name) == options.half]
    items = items[: options.limit]
    keep_settings(out, task.name, _settings(task, split, prompt, model, profile, options, len(items)))
    how = AnswerOptions(prompt, profile, options.seed, options.batch_size, options.retry_failed)
    path = options.shard.path(out, task.name)
    done = answer_items(task.name, options.shard.of(items), model, how, path)
    if task.kind == "free" and options.shard.count == 1:
        _write_for_judge(task, items, out, model.name)
    return done


def missing_error(missing: dict[str, str], data: Path) -> DataError:
    """The error that names what is not on disk."""
    listed = "; ".join(f"{task} lacks {files}" for task, files in missing.items())
    return DataError(f"not all files are below {data}: {listed}")


def half_of(image: str) -> Half:
    """The half that an image belongs to, by a hash of its name: the same for all tasks and models."""
    return "b" if hashlib.sha256(image.encode("utf-8", "surrogatepass")).digest()[0] & 1 else "a"


def _settings(
    task: Task,
    split: Split,
    prompt: Prompt,
    model: Model,
    profile: Profile,
    options: EvaluationOptions,
    items: int,
) -> dict[str, Any]:
    return {
        "model": {"name": model.name, **model.identity()},
        "profile": asdict(profile),
        "seed": None if profile.deterministic else options.seed,
        "version": task.version,
        "split": split.name,
        "half": options.half,
        "prompts": options.prompts,
        "template": prompt.template,
        "max_new_tokens": prompt.max_new_tokens,
        "items": items,
    }


def _write_for_judge(task: Task, items: Sequence[Item], out: Path, model: str) -> None:
    """Questions and answers in LLaVA-Bench's formats, which `finegold judge` reads."""
    answers = {answer.id: answer for answer in read_all_answers(out, task.name)}
    shown = [
        {"question_id": int(i.id), "image": i.image.name, "text": i.question, "category": i.category}
        for i in items
    ]
    said = [
        answer_record(model, int(item.id), answer.prompt, answer.answer, {})
        for item in items
        if (answer := answers[item.id]).answer is not None
    ]
    for name, records in (("questions", shown), ("answers", said)):
        text = "".join(json.dumps(record) + "\n" for record in records)
        write_text(out / "judge" / f"{task.name}.{name}.jsonl", text)
