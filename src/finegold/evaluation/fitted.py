"""Which benchmarks a selection was fitted on, so that nobody takes their scores for unseen ones."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.evaluation.task import Task, find_tasks
from finegold.run import write_json

_FILE = "selection.json"
THIS_SELECTION = "this selection"


def keep_fitted(out: Path, manifest: Path | None, fitted_on: Sequence[str]) -> None:
    """Note in a folder of answers how the model's training rows were selected, if that is given.

    Args:
        out: The folder of answers.
        manifest: The subset's `selection.json`; None if not given.
        fitted_on: Names of tasks whose results the selection was fitted on.

    Raises:
        ConfigError: If there is no task of a name.
        DataError: If the manifest cannot be read.
    """
    if manifest is None and not fitted_on:
        return
    from finegold.selection.manifest import read_manifest

    preset = None if manifest is None else read_manifest(manifest).configuration.preset["name"]
    names = [task.name for task in find_tasks(fitted_on)]
    write_json(out / _FILE, {"preset": preset, "fitted_on": names})


def read_fitted(out: Path) -> dict[str, Any]:
    """What `keep_fitted` noted: `preset`, None if it was not given, and `fitted_on`, names of tasks.

    Raises:
        RunError: If the note is damaged.
    """
    path = out / _FILE
    if not path.exists():
        return {"preset": None, "fitted_on": []}
    try:
        record = json.loads(path.read_text("utf-8"))
        return {"preset": record["preset"], "fitted_on": list(record["fitted_on"])}
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path} is damaged: remove it and name --selection or --fitted-on again") from None


def fitted_with(task: Task, preset: str | None, fitted_on: Sequence[str] = ()) -> list[str]:
    """What was fitted on a task: published selectors by preset name, and `this selection` if it was."""
    fitted = task.name in fitted_on or preset in task.fitted_by
    return [*task.fitted_by, *([THIS_SELECTION] if fitted else [])]
