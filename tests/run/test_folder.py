"""The run folder belongs to one dataset, and tables to what they depend on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from finegold.errors import RunError
from finegold.run import RunFolder, cache_folder, fingerprint

SCHEMA = pa.schema([("sample_id", pa.string())])


def test_a_run_of_other_data_is_refused_with_both_named(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", {"path": "/data/b.json"})
    # Nothing came of it, so it takes other data.
    run = RunFolder.create(tmp_path / "run", {"path": "/data/a.json"})
    assert RunFolder.open(tmp_path / "run").manifest["data"] == {"path": "/data/a.json"}
    RunFolder.create(tmp_path / "run", {"path": "/data/a.json"})
    table = run.table("samples", "ingest", {}, pa.schema([("status", pa.string())]))
    table.write(0, {"status": ["excluded", "ok"]})
    table.finish(1)
    with pytest.raises(RunError, match=r"a\.json.*--run"):
        RunFolder.create(tmp_path / "run", {"path": "/data/b.json"})


def test_a_folder_with_other_things_in_it_is_never_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunError, match="not empty"):
        RunFolder.create(tmp_path, {})


@pytest.mark.parametrize("content", ["", "[]", "{", '{"layout": 99}'])
def test_a_manifest_that_makes_no_sense_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(RunError):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize(
    ("rows", "size", "expected"),
    [
        (3_439, 1 << 20, 256),
        (100_000, 1 << 30, 256),
        (100_001, 1 << 20, 4_096),
        (10_000_000, 3 << 30, 65_536),
        (10_000_000, 1 << 40, 4_096),  # 110 kB a row
        (400_000_000, 1, 65_536),
    ],
)
def test_parts_are_sized_by_rows_and_bytes_and_the_size_is_kept(
    tmp_path: Path, rows: int, size: int, expected: int
) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    run.size_parts(rows, size)
    again = RunFolder.open(tmp_path / "run")
    assert again.part_rows == expected
    assert again.table("scores", "clip", {}, SCHEMA).blocks * 256 == expected
    # A finegold that knows one size of parts alone must not read others.
    assert again.manifest["layout"] == (1 if expected == 256 else 2)


def test_tables_of_other_parameters_do_not_meet(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    first = run.table("scores", "openai/clip", {"mode": "paper"}, SCHEMA)
    second = run.table("scores", "openai/clip", {"mode": "whole"}, SCHEMA)
    assert first.folder != second.folder
    assert first.folder.parent == second.folder.parent == run.path / "scores"


def test_finished_tables_are_found_by_what_they_depend_on_and_sorted_by_name(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    made = [
        run.table("scores", name, {"mode": mode, "data": data}, SCHEMA)
        for name in ("length", "clip")
        for mode in ("paper", "whole")
        for data in ("old", "new")
    ]
    for table in made:
        table.write(0, {"sample_id": ["a"]})
        table.finish(1)
    run.table("scores", "begun", {"data": "new"}, SCHEMA).write(0, {"sample_id": ["a"]})
    names = sorted(table.folder.name for table in made)
    for number, table in enumerate(made):
        os.utime(table.folder / "done.json", ns=(number, number))
        assert [found.folder.name for found in run.tables("scores")] == names
    found = run.tables("scores", name="clip", data="new")
    assert sorted(table.parameters["mode"] for table in found) == ["paper", "whole"]
    assert {table.parameters["data"] for table in found} == {"new"}
    assert found[0].read()["sample_id"].to_pylist() == ["a"]
    assert run.tables("graphs") == run.tables("scores", name="clip", seed=0) == []


def test_a_table_without_its_parameters_is_named(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    table = run.table("scores", "clip", {}, SCHEMA)
    table.finish(0)
    (table.folder / "step.json").write_text("{")
    with pytest.raises(RunError, match=r"step\.json is damaged .*: run `finegold check"):
        run.tables("scores")


def test_fingerprint_ignores_key_order_and_sees_every_value() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1, "b": [2]}) != fingerprint({"a": 1, "b": [3]})


def test_the_event_log_tells_start_end_and_error(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    with run.step("fine"):
        pass
    with pytest.raises(ZeroDivisionError), run.step("bad"):
        _ = 1 / 0
    events = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    assert [(event["event"], event["step"]) for event in events] == [
        ("start", "fine"),
        ("end", "fine"),
        ("start", "bad"),
        ("stop", "bad"),
    ]
    assert "ZeroDivisionError" in events[-1]["error"]


def test_two_writers_do_not_share_a_run_folder(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    script = (
        "from pathlib import Path; from finegold.run import RunFolder\n"
        f"with RunFolder.open(Path({str(run.path)!r})).writing(): pass"
    )
    with run.writing():
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "another process is writing" in other.stderr
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FINEGOLD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "finegold"

    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
