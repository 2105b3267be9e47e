"""Damage to tables is found and named, and repaired by making the damaged part again."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from finegold.errors import RunError
from finegold.run import Blocks, Columns, PartTable, RunFolder, check_folder, fill, fill_once, write_sealed

SCHEMA = pa.schema([("sample_id", pa.string()), ("value", pa.float64())])


def _fill(run: RunFolder) -> tuple[PartTable, list[int]]:
    made: list[int] = []

    def make(missing: list[int], advance: Callable[[int], None]) -> Blocks:
        for part in missing:
            made.append(part)
            yield part, {"sample_id": [f"{part}-{row}" for row in range(256)], "value": [part / 7.0] * 256}

    table = run.table("scores", "length", {"data": "x", "version": 1}, SCHEMA)
    return fill(run, table, make, usable=np.ones(700, np.bool_), step="score", label="Scoring"), made


def _flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _repair(folder: Path) -> int:
    damages = check_folder(folder).damages
    for damage in damages:
        damage.repair()
    assert not check_folder(folder).damages
    return len(damages)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder.create(tmp_path / "run", {"path": "/data/a.json"})
    _fill(run)
    return run


def test_a_whole_folder_has_no_damage_and_every_file_has_a_hash(run: RunFolder) -> None:
    found = check_folder(run.path)
    assert (found.damages, found.unhashed) == ([], 0)
    assert found.hashed == len(["manifest.json", "step.json", "done.json"]) + 3


def test_flips_in_every_file_are_found_or_harmless_and_repair_makes_the_same_again(
    run: RunFolder, tmp_path: Path
) -> None:
    whole, rng = _fill(run)[0].read(), random.Random(3)
    shutil.copytree(run.path, tmp_path / "copy")
    files = [path.relative_to(run.path) for path in run.path.rglob("*") if path.is_file()]
    assert len(files) == 8
    for name in files * 12:
        shutil.rmtree(run.path)
        shutil.copytree(tmp_path / "copy", run.path)
        _flip(run.path / name, rng)
        try:
            assert _fill(RunFolder.create(run.path, {"path": "/data/a.json"}))[0].read().equals(whole), name
        except RunError as error:
            assert "finegold check" in str(error), name  # noqa: PT017
            assert _repair(run.path) == 1
            again = RunFolder.create(run.path, {"path": "/data/a.json"})
            assert _fill(again)[0].read().equals(whole), name
            assert not check_folder(run.path).damages


def test_a_deleted_part_is_made_again_and_no_other(run: RunFolder) -> None:
    table, _ = _fill(run)
    whole = table.read()
    table.part_path(1).unlink()
    assert _repair(run.path) == 1
    again, made = _fill(run)
    assert made == [1]
    assert again.read().equals(whole)


def test_a_damaged_part_of_an_unfinished_table_is_found_and_made_again(run: RunFolder) -> None:
    table, _ = _fill(run)
    whole = table.read()
    (table.folder / "done.json").unlink()
    table.part_path(2).unlink()
    _flip(table.part_path(0), random.Random(0))
    again, made = _fill(run)
    assert made == [0, 2]
    assert again.read().equals(whole)
    events = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    assert [one["part"] for one in events if one["event"] == "damaged"] == [0]


def test_a_table_of_an_earlier_version_is_read_and_counted(run: RunFolder) -> None:
    table, _ = _fill(run)
    whole = table.read()
    (table.folder / "parts.sha256").unlink()
    (table.folder / "done.json").write_text('{"parts": 3}')
    old = run.table("scores", "length", {"data": "x", "version": 1}, SCHEMA)
    assert old.done
    assert old.read().equals(whole)
    assert check_folder(run.path).unhashed == 3 + 1


def test_what_belongs_to_the_parts_is_made_again_with_them(run: RunFolder) -> None:
    table = run.table("clusters", "spectral", {"data": "x"}, SCHEMA)
    made = []

    def make() -> Columns:
        made.append(1)
        write_sealed(table.folder / "summary.json", {"note": "one cluster"})
        return {"sample_id": ["a"], "value": [1.0]}

    fill_once(run, table, make, step="cluster")
    for change in (Path.unlink, lambda path: path.write_text('{"note": "two", "sha256": "0"}')):
        change(table.folder / "summary.json")
        _repair(run.path)
        fill_once(run, run.table("clusters", "spectral", {"data": "x"}, SCHEMA), make, step="cluster")
    assert len(made) == 3


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunError, match="nothing that finegold checks"):
        check_folder(tmp_path)
    with pytest.raises(RunError, match="no folder"):
        check_folder(tmp_path / "thesis.tex")
