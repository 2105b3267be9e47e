import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finegold.cli import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["finegold", "inspect", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Text-only rows, the second without an answer."""
    rows = [
        {"id": name, "conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": answer}]}
        for name, answer in (("good", "A cat."), ("[red]bad\x1b[2J", ""), ("worse", " "))
    ]
    path = tmp_path / "data.json"
    path.write_text(json.dumps(rows))
    return path


def test_bad_rows_are_listed_with_place_and_reason(data: Path, run: Callable[..., Any]) -> None:
    code, out, _ = run(str(data))
    assert code == 0
    assert "llava" in out
    assert "3: 1 usable, 2 bad" in out
    assert "data.json record 2" in out
    assert "the row has no answer" in out
    assert "[red]bad\\x1b[2J" in out
    assert "\x1b[2J" not in out


def test_json_is_for_programs(data: Path, run: Callable[..., Any]) -> None:
    code, out, _ = run(str(data), "--json", "--ids", "row")
    found = json.loads(out)
    assert code == 0
    assert found["excluded"] == {"empty-answer": 2}
    assert [row["id"] for row in found["bad"]] == ["1", "2"]


def test_strict_stops_at_the_first_bad_row(data: Path, run: Callable[..., Any]) -> None:
    code, out, _ = run(str(data), "--json", "--strict")
    assert code == 1
    assert json.loads(out)["rows"] == 2


def test_what_is_no_dataset_is_one_sentence(tmp_path: Path, run: Callable[..., Any]) -> None:
    code, _, err = run(str(tmp_path / "none.json"))
    assert code == 2
    assert err.startswith("finegold: there is nothing at")
    assert err.count("\n") == 1


def test_an_unknown_format_is_refused_with_the_names_that_exist(data: Path, run: Callable[..., Any]) -> None:
    code, _, err = run(str(data), "--format", "coco")
    assert code == 2
    assert "no format 'coco'" in err
    assert "parquet, vlmevalkit, webdataset" in err
