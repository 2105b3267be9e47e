"""Two or more folders of answers on the same items: differences with paired intervals."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from finegold.errors import DataError, RunError
from finegold.evaluation.answers import Answer, read_all_answers, read_settings
from finegold.evaluation.results import estimate_json
from finegold.evaluation.scoring import SCORINGS, measures
from finegold.evaluation.task import find_tasks, known_tasks
from finegold.statistics import Bootstrap, paired_difference


def compare_folders(first: Path, others: list[Path], bootstrap: Bootstrap) -> dict[str, Any]:
    """Each other folder minus the first, task by task, over the items that both answered.

    CIDEr's document frequencies come from these items, so its values can differ a little from those of the
    folders alone. Both models of a difference see the same bootstrap draws.

    Raises:
        RunError: If two folders have no task in common.
        DataError: If they hold different questions under the same id.
    """
    return {
        "schema": "finegold/comparison/1",
        "bootstrap": asdict(bootstrap) | {"unit": "image"},
        "first": _name(first),
        "comparisons": [
            {"second": _name(other), "tasks": _compare(first, other, bootstrap)} for other in others
        ],
    }


def _name(folder: Path) -> dict[str, Any]:
    settings = read_settings(folder)
    if not settings:
        raise RunError(f"{folder} holds no answers: name a folder that finegold evaluate wrote")
    return {"folder": str(folder), "model": next(iter(settings.values()))["model"]}


def _compare(first: Path, second: Path, bootstrap: Bootstrap) -> dict[str, Any]:
    one, two = read_settings(first), read_settings(second)
    common = [task.name for task in known_tasks(name for name in one if name in two)]
    if not common:
        raise RunError(f"{first} and {second} have no task in common: {', '.join(one)} and {', '.join(two)}")
    return {
        name: {
            "differing_settings": {
                key: [one[name].get(key), two[name].get(key)]
                for key in sorted(one[name].keys() | two[name].keys())
                if key != "model" and one[name].get(key) != two[name].get(key)
            },
            **_task(name, read_all_answers(first, name), read_all_answers(second, name), bootstrap),
        }
        for name in common
    }


def _is_same(one: Answer, two: Answer) -> bool:
    """Whether two answers are to the same item; its prompt may differ."""
    content = [(row.image, row.references, row.choices, row.earlier) for row in (one, two)]
    return content[0] == content[1]


def _task(name: str, first: list[Answer], second: list[Answer], bootstrap: Bootstrap) -> dict[str, Any]:
    theirs = {row.id: row for row in second}
    pairs = [(row, theirs[row.id]) for row in first if row.id in theirs]
    for one, two in pairs:
        if not _is_same(one, two):
            raise DataError(
                f"the item {one.id} of {name} differs between the folders: compare answers to the same files"
            )
    both = [pair for pair in pairs if pair[0].problem is None and pair[1].problem is None]
    left, right = [one for one, _ in both], [two for _, two in both]
    images = [row.image for row in left]
    kind, scores = find_tasks([name])[0].kind, dict[str, list[dict[str, Any]]]()
    for scoring in SCORINGS if both else ():
        for a, b in zip(measures(scoring, kind, left), measures(scoring, kind, right), strict=True):
            difference = paired_difference(a, b, images, bootstrap)
            values = {"metric": a.name, "unit": a.unit, "first": a.value, "second": b.value}
            scores.setdefault(scoring, []).append(values | estimate_json(difference, len(both)))
    return {
        "items": len(both),
        "left_out": {
            "only in one": len(first) + len(second) - 2 * len(pairs),
            "failed in one": len(pairs) - len(both),
        },
        "scores": scores,
    }
