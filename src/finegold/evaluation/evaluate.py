"""Answer tasks and score the answers, for `finegold evaluate`, Python and studies."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from finegold.engines import Engine
from finegold.errors import ConfigError, DataError, counted
from finegold.evaluation.answering import AnswerRun, EvaluationOptions, Half, answer_items
from finegold.evaluation.answers import (
    answer_path,
    keep_settings,
    read_all_answers,
    shards_are_complete,
)
from finegold.evaluation.questions import answer_record
from finegold.evaluation.results import EvaluationResults, score_folder
from finegold.evaluation.task import Item, Task, find_tasks
from finegold.llm import without_thinking
from finegold.models import Model, load_model
from finegold.run import folder_lock, replace_lines, sealed_line
from finegold.statistics import Bootstrap


def evaluate(
    model: Model | str,
    tasks: str | Sequence[str],
    task_data: str | Path | None,
    out: str | Path,
    options: EvaluationOptions | None = None,
    *,
    bootstrap: Bootstrap | None = None,
    engine: Engine | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> EvaluationResults:
    """Answer tasks, and score all answers in the folder, unless those of other shards are missing.

    Answers are saved as they come: the same call continues where a killed one stopped.

    Args:
        model: The model that answers, or its name as `load_model` takes it.
        tasks: Names of tasks, or one text with commas, as `find_tasks` takes them; `all` stands for every
            benchmark whose files are there.
        task_data: Folder with a folder for each task; None if each task is named with its files.
        out: Folder of the answers and results.
        options: Which items are answered, and how.
        bootstrap: How the intervals of the scores are drawn.
        engine: Who answers; this process if None.
        say: Is called with a line about each task that is skipped or done.

    Returns:
        What `results.json` holds; empty for a shard after which others are missing.

    Raises:
        ConfigError: If the model does not support the sampling of the profile, or a task has no files.
        DataError: If files of a task are missing or not as published.
        RunError: If the folder holds answers of another model or under other settings.
    """
    if isinstance(model, str):
        with load_model(model) as loaded:
            return evaluate(
                loaded, tasks, task_data, out, options, bootstrap=bootstrap, engine=engine, say=say
            )
    options, data, out = options or EvaluationOptions(), Path(task_data or "."), Path(out)
    names = [name.strip() for name in tasks.split(",")] if isinstance(tasks, str) else list(tasks)
    wanted = find_tasks(names)
    homeless = [task.name for task in wanted if task.data is None and task_data is None]
    if homeless:
        raise ConfigError(
            f"--task-data is needed for {', '.join(homeless)}: name the folder of their files, or each task "
            "with its files, such as questions=heldout.json"
        )
    if "all" in names:
        missing = missing_files(wanted, data, options, blind=model.blind)
        for name, files in missing.items():
            say(f"{name}: skipped, it lacks {files}")
        wanted = [task for task in wanted if task.name not in missing]
        if not wanted:
            raise DataError(f"no benchmark has its files below {data}: finegold tasks says where to get them")
    require_files(wanted, data, options, blind=model.blind)
    for task in wanted:
        done = answer_task(task, data, out, model, options, engine)
        if done.fresh:
            rate = done.fresh / max(done.seconds, 1e-9)
            say(f"{task.name}: {counted(done.fresh, 'item')} in {done.seconds:,.1f} s, {rate:,.1f} a second")
    if options.shard.whole:
        return score_folder(out, bootstrap or Bootstrap())
    # The last shard to end scores the answers of all.
    with folder_lock(out / "answers", "name another folder", wait=True):
        if not all(shards_are_complete(out, task.name, options.shard.count) for task in wanted):
            return EvaluationResults()
        for task in wanted:
            if task.kind == "free":
                _write_for_judge(task, _items(task, data, options), out, model.name)
        return score_folder(out, bootstrap or Bootstrap())


def missing_files(
    tasks: Sequence[Task], data: Path, options: EvaluationOptions, *, blind: bool = False
) -> dict[str, str]:
    """The files that are not on disk, by task: each with where to get it and its terms."""
    return {
        task.name: "; ".join(f"{source.path} from {source.url}, terms: {source.terms}" for source in sources)
        for task in tasks
        if (sources := task.missing(data, options.split(task), blind=blind))
    }


def require_files(
    tasks: Sequence[Task], data: Path, options: EvaluationOptions, *, blind: bool = False
) -> None:
    """Check that the files of all tasks are there; a blind model needs no images.

    Raises:
        DataError: If files are missing; names them and where to get them.
    """
    missing = missing_files(tasks, data, options, blind=blind)
    if missing:
        listed = "; ".join(f"{task} lacks {files}" for task, files in missing.items())
        raise DataError(f"not all files are below {data}: {listed}")


def answer_task(
    task: Task,
    data: Path,
    out: Path,
    model: Model,
    options: EvaluationOptions,
    engine: Engine | None = None,
) -> AnswerRun:
    """Complete the answers to a task in a folder.

    Raises:
        ConfigError: If the model does not support the sampling of the profile.
        DataError: If the task's files are missing or not as published.
        RunError: If the folder holds answers of another model or under other settings.
    """
    require_files([task], data, options, blind=model.blind)
    split, prompt, profile = options.split(task), options.prompt(task), options.chosen_profile()
    model.use_template(profile.template)
    model.check_sampling(profile.sampling(prompt.max_new_tokens, options.seed))
    items = _items(task, data, options)
    settings = {
        "model": {"name": model.name, **model.identity()},
        "profile": profile.settings(),
        "seed": None if profile.deterministic else options.seed,
        "version": task.version,
        "split": split.name,
        "half": options.half,
        "prompts": options.wording,
        "template": prompt.template,
        "max_new_tokens": prompt.max_new_tokens,
        "items": len(items),
    }
    if any(item.earlier for item in items):
        settings["earlier_turns"] = "shown" if model.sees_turns() else "not shown"
    keep_settings(out, task.name, settings)
    path = answer_path(out, task.name, options.shard)
    done = answer_items(task.name, options.shard.every(items), model, prompt, options, path, engine)
    if task.kind == "free" and options.shard.whole:
        _write_for_judge(task, items, out, model.name)
    return done


def _items(task: Task, data: Path, options: EvaluationOptions) -> list[Item]:
    """The items of a task that the options choose, for all shards together."""
    items = task.items(data, options.split(task))
    if options.half is not None:
        items = [item for item in items if half_of(item.image.name) == options.half]
    return items[: options.limit]


def half_of(image: str) -> Half:
    """The half that an image belongs to, by a hash of its name: the same for all tasks and models."""
    return "b" if hashlib.sha256(image.encode("utf-8", "surrogatepass")).digest()[0] & 1 else "a"


def _write_for_judge(task: Task, items: Sequence[Item], out: Path, model: str) -> None:
    """Questions and answers in LLaVA-Bench's formats, which `finegold judge` reads."""
    answers = {answer.id: answer for answer in read_all_answers(out, task.name)}
    shown = [
        {"question_id": int(i.id), "image": i.image.name, "text": i.question, "category": i.category}
        for i in items
    ]
    said = [
        answer_record(model, int(item.id), answer.prompt, without_thinking(answer.answer), {})
        for item in items
        if (answer := answers[item.id]).answer is not None
    ]
    for name, records in (("questions", shown), ("answers", said)):
        replace_lines(out / "judge" / f"{task.name}.{name}.jsonl", map(sealed_line, records))
