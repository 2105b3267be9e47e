"""`--json` prints one object on stdout, `--quiet` nothing there."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MakeDataset
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import ConfigError

VERBS = ("pick", "select", "score", "compare", "evaluate", "judge", "study", "replay", "check")


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
    (part,) = (folder / "scores").glob("detail-*/part-000000.parquet")
    part.write_bytes(b"x")
    assert [Path(one["path"]) for one in facts("check", folder, status=1)["damaged"]] == [part]


def test_an_error_is_no_object(make_dataset: MakeDataset, tmp_path: Path) -> None:
    done = run("pick", make_dataset(5), "--size", "many", "--out", tmp_path / "out", "--json")
    assert isinstance(done.exception, ConfigError)
    assert done.stdout == ""
