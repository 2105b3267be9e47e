"""Scores of a folder of answers, with intervals: `results.json`, and the same as a table."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from finegold import __version__
from finegold.errors import RunError
from finegold.evaluation.answers import Answer, read_all_answers, read_settings
from finegold.evaluation.hygiene import fitted_with, read_hygiene
from finegold.evaluation.lmms_results import read_lmms_results
from finegold.evaluation.scoring import SCORINGS, Answered, measures
from finegold.evaluation.tasks import TASKS
from finegold.metrics import TOKENISER, Bootstrap, Estimate, Measure, estimate
from finegold.run import write_json, write_text
from finegold.samples.formats.json_text import read_json

SCHEMA = "finegold/evaluation/1"
RESULTS = "results.json"


def score_folder(out: Path, bootstrap: Bootstrap) -> dict[str, Any]:
    """Score all answers in a folder and write `results.json` and `results.md`; nothing is generated.

    Args:
        out: The folder.
        bootstrap: Of the intervals.

    Returns:
        What `results.json` holds.

    Raises:
        RunError: If the folder holds no answers, or not all shards of a task.
    """
    settings = read_settings(out)
    known = {name: settings[name] for name in TASKS if name in settings}
    if not known:
        raise RunError(f"{out} holds no answers: run finegold evaluate MODEL with --out {out} first")
    hygiene = read_hygiene(out)
    results = {
        "schema": SCHEMA,
        "finegold": __version__,
        "model": next(iter(known.values()))["model"],
        "bootstrap": asdict(bootstrap) | {"unit": "image"},
        "tokeniser": TOKENISER,
        "selection": {"preset": hygiene.preset, "fitted_on": list(hygiene.fitted_on)},
        "tasks": {
            name: _task(name, read_all_answers(out, name), one, bootstrap)
            | {"used_to_fit": fitted_with(TASKS[name], hygiene)}
            for name, one in known.items()
        },
        "lmms_eval": _lmms(out),
    }
    write_json(out / RESULTS, results)
    write_text(out / "results.md", markdown(results))
    return results


def keep_lmms_results(out: Path, path: Path) -> None:
    """Keep scores that lmms-eval gave the same model, to be shown beside ours.

    Raises:
        DataError: If the file holds none of a task that both know.
    """
    write_json(out / "lmms_eval.json", read_lmms_results(path))


def _lmms(out: Path) -> list[dict[str, Any]]:
    path = out / "lmms_eval.json"
    return list(read_json(path)) if path.exists() else []


def answered(rows: Sequence[Answer]) -> list[Answered]:
    """What is scored; every row must have an answer."""
    return [Answered(row.answer or "", row.references, row.choices) for row in rows]


def _task(
    name: str, rows: Sequence[Answer], settings: dict[str, Any], bootstrap: Bootstrap
) -> dict[str, Any]:
    whole = [row for row in rows if row.problem is None]
    failed: dict[str, int] = {}
    for row in rows:
        if row.problem is not None:
            failed[row.problem.code] = failed.get(row.problem.code, 0) + 1
    scores = {
        scoring: [
            _score(measure, whole, bootstrap, with_categories=position == 0)
            for position, measure in enumerate(measures(scoring, TASKS[name].kind, answered(whole)))
        ]
        for scoring in SCORINGS
        if whole
    }
    return {
        **{key: value for key, value in settings.items() if key != "model"},
        "answered": len(whole),
        "failed": failed,
        "complete": len(rows) >= settings["items"],
        "scores": {scoring: found for scoring, found in scores.items() if found},
    }


def _score(
    measure: Measure, rows: Sequence[Answer], bootstrap: Bootstrap, *, with_categories: bool
) -> dict[str, Any]:
    images = [row.image for row in rows]
    score = {
        "metric": measure.name,
        "unit": measure.unit,
        **asdict(estimate(measure, images, bootstrap)),
    }
    categories = sorted({row.category for row in rows})
    if with_categories and len(categories) > 1:
        score["categories"] = {
            category: asdict(_of_category(measure, category, rows, bootstrap)) for category in categories
        }
    return score


def _of_category(measure: Measure, category: str, rows: Sequence[Answer], bootstrap: Bootstrap) -> Estimate:
    chosen = [position for position, row in enumerate(rows) if row.category == category]
    part = replace(measure, statistics=measure.statistics[chosen])
    return estimate(part, [rows[position].image for position in chosen], bootstrap)


def table_rows(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """The results as text, a row a metric, numbers times 100 as papers print them.

    See `COLUMNS`.
    """
    rows: list[tuple[str, ...]] = []
    for name, task in results["tasks"].items():
        failed = sum(task["failed"].values())
        shown = f"{task['answered']:,}" if task["complete"] else f"{task['answered']:,} of {task['items']:,}"
        head = (name, f"{task['split']}, {task['half']} half" if task["half"] else task["split"])
        tail = (shown, f"{failed:,}", ", ".join(task["used_to_fit"]))
        if not task["scores"]:
            rows.append(
                (*head, "", "for a judge" if TASKS[name].kind == "free" else "nothing", "", "", *tail)
            )
        for scoring, scores in task["scores"].items():
            for score in scores:
                rows.append((*head, scoring, score["metric"], number(score["value"]), interval(score), *tail))
    for score in results["lmms_eval"]:
        error = score["standard_error"]
        spread = "" if error is None else f"± {number(1.96 * error)}"
        cells = (score["task"], "", "lmms-eval", score["metric"], number(score["value"]), spread)
        rows.append((*cells, "", "", ", ".join(TASKS[score["task"]].fitted_by)))
    return rows


COLUMNS = (
    "task",
    "split",
    "scoring",
    "metric",
    "value",
    "interval",
    "n",
    "failed",
    "used to fit",
)
"""Heads of `table_rows`."""


def number(value: float) -> str:
    """A metric times 100; no minus before a zero."""
    shown = f"{100 * value:.1f}"
    return "0.0" if shown == "-0.0" else shown


def interval(score: dict[str, Any]) -> str:
    """The interval of an estimate times 100; empty if there is none."""
    return "" if score["low"] is None else f"{number(score['low'])} … {number(score['high'])}"


def markdown(results: dict[str, Any]) -> str:
    """The results as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table_rows(results)
    ]
    level = results["bootstrap"]["level"]
    lines += ["", f"Values times 100. Intervals: {level:.0%} percentile bootstrap over images, "]
    lines[-1] += f"{results['bootstrap']['replicates']:,} draws, seed {results['bootstrap']['seed']}."
    return "\n".join(lines) + "\n"
