"""Which benchmarks a selection was fitted on, so that nobody takes their scores for unseen ones."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from finegold.errors import RunError
from finegold.evaluation.task import Task, find_tasks
from finegold.run import write_json

_FILE = "selection.json"
THIS_SELECTION = "this selection"


@dataclass(frozen=True, slots=True)
class Hygiene:
    """How the evaluated model's training rows were selected.

    Attributes:
        preset: The preset of its selection; None if not said.
        fitted_on: Tasks whose results the selection was fitted on, as the user said.
    """

    preset: str | None = None
    fitted_on: tuple[str, ...] = ()


def keep_hygiene(out: Path, manifest: Path | None, fitted_on: Sequence[str]) -> None:
    """Note in the folder what was said; nothing said leaves an earlier note as it is.

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
    names = tuple(task.name for task in find_tasks(fitted_on))
    write_json(out / _FILE, asdict(Hygiene(preset, names)))


def read_hygiene(out: Path) -> Hygiene:
    """What was noted.

    Raises:
        RunError: If the note is damaged.
    """
    path = out / _FILE
    if not path.exists():
        return Hygiene()
    try:
        record = json.loads(path.read_text("utf-8"))
        return Hygiene(record["preset"], tuple(record["fitted_on"]))
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path} is damaged: remove it and name --selection or --fitted-on again") from None


def fitted_with(task: Task, hygiene: Hygiene) -> list[str]:
    """What was fitted on a task: published selectors by preset name, and `this selection` if it was."""
    fitted = task.name in hygiene.fitted_on or hygiene.preset in task.fitted_by
    return [*task.fitted_by, *([THIS_SELECTION] if fitted else [])]
