"""One table of all tasks: by hand on small numbers, and from an empty folder to its files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.made import everything
from tests.models.conftest import pool
from tests.models.minigpt4 import make_parts
from tests.models.prefix.test_blip2 import folder as blip2_folder
from tests.report.study.latex import read_tables

from finegold.report.study.task_tables import cells, heads
from finegold.statistics import SeedMeasure
from finegold.study import load_study, run_study
from finegold.study.measure import Metric
from finegold.study.task_table import task_tables

__all__ = ["blip2_folder", "pool"]

SEVEN = ("flickr30k", "nocaps", "scienceqa", "okvqa", "vsr", "vcr-oc", "vcr-mci")
ARMS = """
baseline = "random"
replicates = 200
[[arms]]
name = "pre-trained"
[[arms]]
name = "all rows"
preset = "random"
[[arms]]
name = "random"
preset = "random"
size = 4
seeds = 2
"""


def _study(tmp_path: Path, **changes: object) -> object:
    path = tmp_path / "seven.toml"
    path.write_text(ARMS)
    base = {"data": {"path": "pool.json"}, "evaluation": {"tasks": list(SEVEN), "data": "benchmarks"}}
    return load_study(str(path), base | changes)


def _measure(*by_seed: list[float]) -> SeedMeasure:
    """Means of single scores, shape (seeds, items, 2)."""
    statistics = np.array([[[value, 1.0] for value in scores] for scores in by_seed])
    return SeedMeasure(statistics, lambda sums: sums[:, 0] / sums[:, 1])


def _metric(task: str, arms: dict[str, SeedMeasure], scoring: str = "ehub") -> Metric:
    count = next(iter(arms.values())).statistics.shape[1]
    names = tuple(f"{number}.jpg" for number in range(count))
    return Metric(task, scoring, "accuracy", "higher", 100.0, names, names, arms)


def test_average_gain_and_relative_performance_are_those_by_hand(tmp_path: Path) -> None:
    arms = ("pre-trained", "all rows", "random")
    scores = {"vsr": ([0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0])}
    scores["okvqa"] = ([0.0, 0.0], [0.0, 1.0], [1.0, 0.0])
    metrics = [
        _metric(task, {arm: _measure(one) for arm, one in zip(arms, found, strict=True)})
        for task, found in scores.items()
    ]
    (table,) = task_tables(metrics, _study(tmp_path))  # type: ignore[arg-type]
    assert (table.tasks, table.whole, table.baseline) == (("vsr", "okvqa"), "all rows", "random")
    lines = {line.arm: line for line in table.lines}
    assert [one.value for one in lines["pre-trained"].scores] == [50.0, 0.0]
    assert lines["pre-trained"].average.value == 25.0
    gain, relative = lines["pre-trained"].gain, lines["pre-trained"].relative
    assert gain is not None
    assert relative is not None
    assert gain.value == 25.0 - 62.5
    assert relative.value == pytest.approx(100 * (0.5 / 1.0 + 0.0 / 0.5) / 2)
    # The same as one question, beside the baseline: 75 % of the full data against 87.5 %.
    performance = table.performance
    assert performance is not None
    figures = {figure.arm: figure for figure in performance.figures}
    assert list(figures) == list(arms)
    assert performance.title == "2 tasks, ehub: relative to all rows, %"
    assert figures["pre-trained"].value.times(100).value == pytest.approx(relative.value)
    change = figures["pre-trained"].difference
    beside = lines["random"].relative
    assert change is not None
    assert beside is not None
    assert change.times(100).value == pytest.approx(relative.value - beside.value)
    assert change.ends is not None
    assert change.ends[0] <= change.value <= change.ends[1]
    assert figures["pre-trained"].verdict.startswith("no difference seen")
    assert figures["random"].difference is None
    whole = lines["all rows"].relative
    assert whole is not None
    assert (whole.value, whole.low, whole.high) == (100.0, 100.0, 100.0)
    assert lines["random"].gain is None
    for one in (*lines["pre-trained"].scores, gain, relative):
        assert one.ends is not None
        assert one.ends[0] <= one.value <= one.ends[1]


def test_a_task_where_the_full_data_scores_nothing_is_left_out_of_the_ratio(tmp_path: Path) -> None:
    found = {"vsr": 0.5, "okvqa": 0.0}
    metrics = [
        _metric(task, {arm: _measure([whole, whole]) for arm in ("all rows", "random")})
        for task, whole in found.items()
    ]
    (table,) = task_tables(metrics, _study(tmp_path))  # type: ignore[arg-type]
    assert table.left_out == ("okvqa",)
    assert [line.relative.value for line in table.lines if line.relative] == [100.0, 100.0]
    assert table.performance is not None
    assert table.performance.task == "1 task"


def test_one_task_needs_no_table(tmp_path: Path) -> None:
    metric = _metric("vsr", {arm: _measure([1.0, 0.0]) for arm in ("all rows", "random")})
    assert task_tables([metric], _study(tmp_path)) == ()  # type: ignore[arg-type]


def test_seven_tasks_end_in_one_table(
    tmp_path: Path, blip2_folder: Path, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    everything(tmp_path / "benchmarks")
    made = make_parts(tmp_path / "parts", blip2_folder)
    study = _study(
        tmp_path,
        data={"path": str(pool), "images": str(pool.parent / "images")},
        model="minigpt4-7b",
        parts={
            "projection": str(made.released),
            "language_model": str(made.vicuna),
            "vision_model": str(made.blip2),
        },
        steps=1,
        batch=2,
        evaluation={
            "tasks": list(SEVEN),
            "data": str(tmp_path / "benchmarks"),
            "prompts": "ehub-2023-07",
            "limit": 3,
            "losses": False,
        },
    )
    findings = run_study(study, tmp_path / "studies", workers=1, device="cpu")  # type: ignore[arg-type]
    assert [table.scoring for table in findings.tables] == ["ehub", "strict"]
    (ehub, _) = findings.tables
    assert ehub.tasks == SEVEN
    assert [line.arm for line in ehub.lines] == ["pre-trained", "all rows", "random"]
    assert ehub.whole == "all rows"
    folder = tmp_path / "studies" / "seven"
    width = len(heads(ehub))
    assert all(len(cells(ehub, line)) == width == 1 + 7 + 3 for line in ehub.lines)
    shown = (folder / "table.md").read_text()
    assert "| average | gain over random | relative to all rows, % |" in shown
    tex = (folder / "table.tex").read_text()
    tables = read_tables(tex)
    # The two tables of all tasks come first.
    assert [table.columns for table in tables[:2]] == [width] * 2
    assert "LVLM-eHub" in tex.partition("tabular")[0]
    (wide, *_) = tables
    assert wide.rows[0] == heads(ehub)
    assert [row[0] for row in wide.rows[1:]] == ["pre-trained", "", "all rows", "", "random", ""]
    rows = list(csv.DictReader((folder / "tasks.csv").open()))
    averages = [row for row in rows if row["scoring"] == "ehub" and row["column"] == "average"]
    assert {(row["arm"], row["kind"]) for row in averages} >= {("pre-trained", "gain"), ("random", "score")}
    assert "All tasks, scored as LVLM-eHub" in (folder / "study.html").read_text()
