"""Notes in a folder of answers: what the model's selection was fitted on, and scores of lmms-eval."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.evaluation.harness import read_scores
from finegold.evaluation.task import Task, find_tasks
from finegold.run import write_json
from finegold.run.records import read_record, write_record
from finegold.samples.json_text import read_json

LMMS_TASKS = {
    "flickr30k_test": "flickr30k",
    "nocaps_val": "nocaps",
    "scienceqa_img": "scienceqa",
    "ok_vqa_val2014": "okvqa",
    "llava_bench_coco": "llava-bench-coco",
    "llava_in_the_wild": "llava-bench-wild",
}
"""finegold's task by lmms-eval's name. Prompts, lengths and metrics differ: these are a second opinion."""

_FITTED, _LMMS = "selection.json", "lmms_eval.json"


@dataclass(frozen=True, slots=True)
class Fitted:
    """How the training rows of a model were selected.

    Attributes:
        preset: Name of the preset; None if unknown.
        fitted_on: Names of the tasks whose results the selection was fitted on.
    """

    preset: str | None = None
    fitted_on: tuple[str, ...] = ()


def keep_fitted(out: Path, manifest: Path | None, fitted_on: Sequence[str]) -> None:
    """Note how the model's training rows were selected; without a manifest and tasks, write nothing.

    Args:
        out: The folder of answers.
        manifest: The subset's `selection.json`.
        fitted_on: Names of tasks whose results the selection was fitted on.

    Raises:
        ConfigError: If a task does not exist.
        DataError: If the manifest cannot be read.
    """
    if manifest is None and not fitted_on:
        return
    from finegold.selection.manifest import read_manifest

    preset = None if manifest is None else read_manifest(manifest).configuration.preset["name"]
    write_record(out / _FITTED, Fitted(preset, tuple(task.name for task in find_tasks(fitted_on))))


def kept_fitted(out: Path) -> Fitted:
    """What `keep_fitted` noted in the folder.

    Raises:
        DataError: If the note is damaged.
    """
    path = out / _FITTED
    advice = "remove it and name --selection or --fitted-on again"
    return read_record(path, Fitted, advice=advice) if path.exists() else Fitted()


def fitted_with(task: Task, fitted: Fitted) -> list[str]:
    """What was fitted on a task: published selectors by preset name, and `this selection` if it was."""
    ours = task.name in fitted.fitted_on or fitted.preset in task.fitted_by
    return [*task.fitted_by, *(["this selection"] if ours else [])]


def keep_lmms_results(out: Path, path: Path) -> None:
    """Keep scores that lmms-eval gave the same model in a folder.

    Raises:
        DataError: If the file holds none of a task that both know.
    """
    write_json(out / _LMMS, read_lmms_results(path))


def kept_lmms_results(out: Path) -> list[dict[str, Any]]:
    """What `keep_lmms_results` kept in the folder; empty if nothing."""
    path = out / _LMMS
    if not path.exists():
        return []
    found = read_json(path)
    if not isinstance(found, list) or not all(_is_score(one) for one in found):
        raise DataError(f"{path} holds no scores of lmms-eval: remove it and give --lmms-eval again")
    return found


def _is_score(record: Any) -> bool:
    """Whether a record is one that `read_lmms_results` made."""
    if not isinstance(record, dict) or record.get("task") not in LMMS_TASKS.values():
        return False
    numbers = isinstance(record.get("value"), float) and isinstance(
        record.get("standard_error"), float | None
    )
    return numbers and isinstance(record.get("metric"), str) and "standard_error" in record


def read_lmms_results(path: Path) -> list[dict[str, Any]]:
    """The scores in a `*_results.json` of lmms-eval, one record for each metric.

    Each has `task` (finegold's name), `lmms_task`, `metric`, `value` and `standard_error`, perhaps None.

    Raises:
        DataError: If the file holds no results of a task that both know.
    """
    found = [
        {
            "task": LMMS_TASKS[name],
            "lmms_task": name,
            "metric": metric,
            "value": value,
            "standard_error": error,
        }
        for name, metric, _, value, error in read_scores(read_json(path))
        if name in LMMS_TASKS
    ]
    if not found:
        raise DataError(f"{path.name} holds no lmms-eval results of {', '.join(LMMS_TASKS)}")
    return found
