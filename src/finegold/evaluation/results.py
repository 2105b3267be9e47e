"""Scores of a folder of answers, with intervals: `results.json`, and the same as a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.evaluation.answers import Answer, read_all_answers, read_settings
from finegold.evaluation.notes import fitted_with, kept_fitted, kept_lmms_results
from finegold.evaluation.scoring import SCORINGS, measures
from finegold.evaluation.task import Task, find_tasks, known_tasks
from finegold.metrics import TOKENISER
from finegold.run import write_sealed, write_text
from finegold.run.cards import card
from finegold.statistics import Bootstrap, Estimate, Measure, bootstrap_estimate
from finegold.version import __version__

SCHEMA = "finegold/evaluation/1"
RESULTS = "results.json"


class EvaluationResults(dict[str, Any]):
    """The content of `results.json`; empty for one shard of several. A notebook shows it as a table."""

    def _repr_html_(self) -> str:
        if not self:
            return card("one shard of several", {"next": "finegold evaluate --rescore joins them"})
        facts = {"values": f"times 100, with {self['bootstrap']['level']:.0%} intervals over images"}
        return card(str(self["model"]["name"]), facts, COLUMNS, table_rows(self))


def score_folder(out: Path, bootstrap: Bootstrap) -> EvaluationResults:
    """Score all answers in a folder, and write and return the content of `results.json`; calls no model.

    Raises:
        RunError: If the folder holds no answers, or not all shards of a task.
    """
    settings = read_settings(out)
    tasks = known_tasks(settings)
    if not tasks:
        raise RunError(f"{out} holds no answers: run finegold evaluate MODEL with --out {out} first")
    fitted = kept_fitted(out)
    results = EvaluationResults(
        schema=SCHEMA,
        finegold=__version__,
        model=settings[tasks[0].name]["model"],
        bootstrap=asdict(bootstrap) | {"unit": "image"},
        tokeniser=TOKENISER,
        selection={"preset": fitted.preset, "fitted_on": list(fitted.fitted_on)},
        tasks={
            task.name: _task(task, read_all_answers(out, task.name), settings[task.name], bootstrap)
            | {"used_to_fit": fitted_with(task, fitted)}
            for task in tasks
        },
        lmms_eval=kept_lmms_results(out),
    )
    write_sealed(out / RESULTS, results)
    write_text(out / "results.md", _markdown(results))
    return results


def failure_reasons(out: Path, task: str) -> list[tuple[str, int]]:
    """Why items of a task have no answer, with their number, the commonest reason first."""
    rows = read_all_answers(out, task)
    return Counter(row.problem.reason for row in rows if row.problem is not None).most_common()


def _task(
    task: Task, rows: Sequence[Answer], settings: dict[str, Any], bootstrap: Bootstrap
) -> dict[str, Any]:
    whole = [row for row in rows if row.problem is None]
    scores = {
        scoring: [
            _score(measure, whole, bootstrap, with_categories=position == 0)
            for position, measure in enumerate(measures(scoring, task.kind, whole))
        ]
        for scoring in SCORINGS
        if whole
    }
    return {
        **{key: value for key, value in settings.items() if key != "model"},
        "answered": len(whole),
        "failed": dict(Counter(row.problem.code for row in rows if row.problem is not None)),
        "complete": len(rows) >= settings["items"],
        "scores": {scoring: found for scoring, found in scores.items() if found},
    }


def _score(
    measure: Measure, rows: Sequence[Answer], bootstrap: Bootstrap, *, with_categories: bool
) -> dict[str, Any]:
    def interval(places: Sequence[int]) -> dict[str, Any]:
        part = replace(measure, statistics=measure.statistics[places])
        images = [rows[place].image for place in places]
        return estimate_json(bootstrap_estimate(part, images, bootstrap), len(images))

    score = {"metric": measure.name, "unit": measure.unit, **interval(range(len(rows)))}
    by_category: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        by_category.setdefault(row.category, []).append(place)
    if with_categories and len(by_category) > 1:
        score["categories"] = {name: interval(places) for name, places in sorted(by_category.items())}
    return score


def estimate_json(estimate: Estimate, items: int) -> dict[str, Any]:
    """An estimate over images as `results.json` has it, with the number of items."""
    ends = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {**ends, "items": items, "images": estimate.n}


def table_rows(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """The cells of `COLUMNS`, a row for each metric, with numbers times 100 as papers print them."""
    rows: list[tuple[str, ...]] = []
    for name, task in results["tasks"].items():
        kind = find_tasks([name])[0].kind
        failed = sum(task["failed"].values())
        shown = f"{task['answered']:,}" if task["complete"] else f"{task['answered']:,} of {task['items']:,}"
        head = (name, f"{task['split']}, {task['half']} half" if task["half"] else task["split"])
        tail = (shown, f"{failed:,}", ", ".join(task["used_to_fit"]))
        if not task["scores"]:
            rows.append((*head, "", "for a judge" if kind == "free" else "nothing", "", "", *tail))
        for scoring, scores in task["scores"].items():
            for score in scores:
                rows.append(
                    (*head, scoring, score["metric"], times_100(score["value"]), interval_text(score), *tail)
                )
                if kind == "short" and len(parts := score.get("categories", {})) <= MOST_KINDS:
                    for part, one in parts.items():
                        value = (times_100(one["value"]), interval_text(one))
                        cut = (f"{score['metric']}: {part}", *value, f"{one['items']:,}")
                        rows.append((*head, scoring, *cut, "", ""))
    for score in results["lmms_eval"]:
        error = score["standard_error"]
        spread = "" if error is None else f"± {times_100(1.96 * error)}"
        cells = (score["task"], "", "lmms-eval", score["metric"], times_100(score["value"]), spread)
        rows.append((*cells, "", "", ", ".join(find_tasks([score["task"]])[0].fitted_by)))
    return rows


MOST_KINDS = 20
"""Number of kinds of questions up to which the table has a row for each; results.json has all."""
COLUMNS = ("task", "split", "scoring", "metric", "value", "interval", "n", "failed", "used to fit")
"""Heads of the columns of `table_rows`."""


def times_100(value: float) -> str:
    """A metric times 100; no minus before a zero."""
    shown = f"{100 * value:.1f}"
    return "0.0" if shown == "-0.0" else shown


def interval_text(score: dict[str, Any]) -> str:
    """The interval of an estimate times 100; empty if there is none."""
    return "" if score["low"] is None else f"{times_100(score['low'])} … {times_100(score['high'])}"


def _markdown(results: dict[str, Any]) -> str:
    """The results as a Markdown table."""
    rows = (COLUMNS, ["---"] * len(COLUMNS), *table_rows(results))
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    level = results["bootstrap"]["level"]
    lines += ["", f"Values times 100. Intervals: {level:.0%} percentile bootstrap over images, "]
    lines[-1] += f"{results['bootstrap']['replicates']:,} draws, seed {results['bootstrap']['seed']}."
    return "\n".join(lines) + "\n"
