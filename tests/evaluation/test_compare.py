import json
import shutil
from pathlib import Path

import pytest
from tests.evaluation import made
from tests.evaluation.models import Colour, answer

from finegold.errors import DataError, RunError
from finegold.evaluation.answering import EvaluationOptions
from finegold.evaluation.compare import compare_folders
from finegold.evaluation.evaluate import answer_task
from finegold.evaluation.results import score_folder
from finegold.evaluation.task import TASKS
from finegold.models import load_model
from finegold.statistics import Bootstrap

QUICK = Bootstrap(replicates=200)


def constant(data: Path, out: Path, text: str, task: str = "vsr") -> Path:
    answer_task(TASKS.get(task), data, out, load_model(f"constant:{text}"), EvaluationOptions())
    return out


def test_the_difference_is_that_of_the_scores_with_a_paired_interval(tmp_path: Path) -> None:
    made.vsr(tmp_path, [1] * 30 + [0] * 10)
    no, yes = constant(tmp_path, tmp_path / "no", "No"), constant(tmp_path, tmp_path / "yes", "Yes")

    found = compare_folders(no, [yes, no], QUICK)

    better, same = (one["tasks"]["vsr"]["scores"]["strict"][0] for one in found["comparisons"])
    assert (better["first"], better["second"], better["value"]) == (0.25, 0.75, 0.5)
    assert 0 < better["low"] < 0.5 < better["high"] < 1
    assert (same["value"], same["low"], same["high"]) == (0, 0, 0)
    own = score_folder(yes, QUICK)["tasks"]["vsr"]["scores"]["strict"][0]
    assert own["value"] == better["second"]


def test_items_that_one_model_lacks_are_left_out_and_counted(tmp_path: Path) -> None:
    made.vsr(tmp_path, [1] * 6)
    answer(tmp_path, tmp_path / "full", task="vsr")
    (tmp_path / "vsr" / "images" / f"{1:012d}.jpg").unlink()
    answer(tmp_path, tmp_path / "part", task="vsr", model=Colour(name="other"), limit=5)

    task = compare_folders(tmp_path / "full", [tmp_path / "part"], QUICK)["comparisons"][0]["tasks"]["vsr"]

    assert task["items"] == 3
    assert task["left_out"] == {"only in one": 1, "failed in one": 2}
    assert task["differing_settings"] == {"items": [6, 5]}


def test_other_questions_and_no_common_task_are_errors(tmp_path: Path) -> None:
    made.vsr(tmp_path)
    made.okvqa(tmp_path)
    first = constant(tmp_path, tmp_path / "first", "Yes")
    made.vsr(tmp_path, [0, 1, 1, 1])
    second = constant(tmp_path, tmp_path / "second", "No")
    third = constant(tmp_path, tmp_path / "third", "race", "okvqa")

    with pytest.raises(DataError, match="the item 00000 of vsr differs"):
        compare_folders(first, [second], QUICK)
    with pytest.raises(RunError, match="no task in common: vsr and okvqa"):
        compare_folders(first, [third], QUICK)
    with pytest.raises(RunError, match="holds no answers"):
        compare_folders(tmp_path / "nowhere", [first], QUICK)


def test_a_folder_of_the_first_version_scores_as_it_did(tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parent / "made_before", tmp_path / "out")
    before = json.loads((tmp_path / "out" / "results.json").read_text())

    now = score_folder(tmp_path / "out", Bootstrap(replicates=100))
    assert now | {"finegold": before["finegold"]} == before
