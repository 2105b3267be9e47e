"""Filling a table: what is missing is made, in order, whatever stopped the run before."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from finegold.run import BLOCK_ROWS, Blocks, PartTable, RunFolder, fill, fill_once, steps

SCHEMA = pa.schema([("row", pa.int64())])
USABLE = np.ones(3 * BLOCK_ROWS + 40, np.bool_)
USABLE[::3] = False


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", {})


def _filled(run: RunFolder, made: list[int], *, stop: int | None = None, name: str = "numbers") -> PartTable:
    def make(missing: list[int], advance: Callable[[int], None]) -> Blocks:
        for part in missing:
            if part == stop:
                raise KeyboardInterrupt
            made.append(part)
            rows = np.flatnonzero(USABLE[part * BLOCK_ROWS : (part + 1) * BLOCK_ROWS]) + part * BLOCK_ROWS
            yield part, {"row": rows}
            advance(len(rows))

    table = run.table("scores", name, {}, SCHEMA)
    return fill(run, table, make, usable=USABLE, step="count", label="Counting", load=lambda: made.append(-1))


def _bytes(table: PartTable) -> list[bytes]:
    return [path.read_bytes() for path in table.paths()]


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_a_stopped_run_goes_on_at_the_first_missing_part(run: RunFolder, stop: int) -> None:
    made: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        _filled(run, made, stop=stop)
    assert not run.tables("scores")
    assert made == [-1, *range(stop)]
    table = _filled(run, made)
    assert made == [-1, *range(stop), -1, *range(stop, 4)]
    assert table.read()["row"].to_pylist() == np.flatnonzero(USABLE).tolist()
    assert _bytes(table) == _bytes(_filled(run, [], name="in one go"))
    _filled(run, made)
    assert len(made) == 6


@pytest.mark.parametrize("seconds", [-1.0, 60.0])
@pytest.mark.parametrize("stop", [None, 0, 3])
def test_larger_parts_hold_the_same_rows(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int | None, seconds: float
) -> None:
    monkeypatch.setattr(steps, "COMMIT_SECONDS", seconds)
    small = _filled(run, []).read()
    large = RunFolder.create(tmp_path / "large", {})
    large.manifest["part_rows"] = 2 * BLOCK_ROWS
    made: list[int] = []
    if stop is not None:
        with pytest.raises(KeyboardInterrupt):
            _filled(large, made, stop=stop)
    table = _filled(large, made)
    assert table.read().equals(small)
    assert [len(part) for part in table.parts()] == [USABLE[:512].sum(), USABLE[512:].sum()]
    # What was gathered and neither written nor saved is made again, and no whole part is.
    again = {None: 0, 0: 0, 3: 3 if seconds < 0 else 2}[stop]
    assert made == [-1, *({None: (), 0: (-1,), 3: (0, 1, 2, -1)}[stop]), *range(again, 4)]
    assert not list(table.folder.glob("*.journal"))


def test_blocks_of_a_part_in_work_survive_a_kill_and_damage(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "COMMIT_SECONDS", -1.0)
    names, every = ("alone", "beside"), np.ones(5 * BLOCK_ROWS, np.bool_)

    def filled(folder: str, stop: int = 9) -> tuple[list[int], list[list[bytes]]]:
        """The blocks that were made, and the files of both tables."""
        tables = [PartTable(run.path / folder / name, SCHEMA, {}, blocks=4) for name in names]
        made: list[int] = []

        def make(missing: list[int], advance: Callable[[int], None]) -> Blocks:
            for block in reversed(missing):
                if block == stop:
                    os._exit(9)  # as a kill: nothing is closed, nothing is written
                made.append(block)
                rows = np.arange(block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS)
                yield block, ({"row": rows}, {"row": -rows})

        fill(run, tables[0], make, usable=every, step="count", label="Counting", beside=tables[1])
        return made, [_bytes(table) for table in tables]

    whole = filled("whole")[1]
    if (child := os.fork()) == 0:
        filled("killed", stop=1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    journal, last = sorted((run.path / "killed" / "alone").glob("*.journal"))
    assert (journal.name, last.name) == ("blocks-000000.journal", "blocks-000001.journal")
    data = bytearray(journal.read_bytes())
    data[-9] ^= 1  # block 2 is damaged in one of the tables; behind it a record was cut
    journal.write_bytes(bytes(data) + data[:30])
    assert filled("killed") == ([2, 1, 0], whole)
    assert not list((run.path / "killed").glob("*/*.journal"))


def test_a_deleted_part_is_made_again_and_nothing_else(run: RunFolder) -> None:
    table = _filled(run, [])
    before = _bytes(table)
    table.part_path(1).unlink()
    made: list[int] = []
    assert _bytes(_filled(run, made)) == before
    assert made == [-1, 1]


def test_parts_that_are_all_there_are_finished_without_loading_anything(run: RunFolder) -> None:
    table = _filled(run, [])
    (table.folder / "done.json").unlink()
    made: list[int] = []
    assert _filled(run, made).done
    assert not made


def test_the_log_says_how_many_rows_were_left(run: RunFolder) -> None:
    table = _filled(run, [])
    table.part_path(3).unlink()
    _filled(run, [])
    lines = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    starts = [line for line in lines if line["event"] == "start"]
    left = [int(USABLE.sum()), int(USABLE[3 * BLOCK_ROWS :].sum())]
    assert [(line["step"], line["rows"], line["table"]) for line in starts] == [
        ("count", rows, table.folder.name) for rows in left
    ]


def test_a_table_of_one_part_is_made_once(run: RunFolder) -> None:
    made: list[int] = []

    def make() -> dict[str, list[int]]:
        made.append(1)
        return {"row": [1, 2]}

    for _ in range(2):
        table = fill_once(run, run.table("clusters", "k", {}, SCHEMA), make, step="cluster")
        assert table.read()["row"].to_pylist() == [1, 2]
    assert made == [1]


def test_blocks_may_come_in_any_order(run: RunFolder) -> None:
    def table(name: str) -> PartTable:
        return PartTable(run.path / "scores" / name, SCHEMA, {}, blocks=2)

    def rows_of(block: int) -> dict[str, list[int]]:
        return {
            "row": [row for row in range(block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS) if row < len(USABLE)]
        }

    def forwards(missing: list[int], advance: Callable[[int], None]) -> Blocks:
        yield from ((block, rows_of(block)) for block in missing)

    def mixed(missing: list[int], advance: Callable[[int], None]) -> Blocks:
        yield from ((block, rows_of(block)) for block in (missing[2], missing[0], missing[3], missing[1]))

    every = np.ones(len(USABLE), np.bool_)
    whole, other = (
        fill(run, table(name), make, usable=every, step="count", label="Counting")
        for name, make in (("a", forwards), ("b", mixed))
    )
    assert len(whole.paths()) == 2
    assert _bytes(other) == _bytes(whole)
    assert other.read()["row"].to_pylist() == list(range(len(USABLE)))
