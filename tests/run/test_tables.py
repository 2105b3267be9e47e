"""Part tables: whole or not there, and complete only when every part is."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest

from finegold.errors import RunError
from finegold.run import PartTable

SCHEMA = pa.schema([("sample_id", pa.string()), ("value", pa.float64())])


def _part(number: int) -> dict[str, list[object]]:
    return {"value": [float(number), None], "sample_id": [f"{number}-a", f"{number}-b"]}


def test_parts_come_back_in_order_whatever_order_they_were_written_in(tmp_path: Path) -> None:
    table = PartTable(tmp_path / "t", SCHEMA, {"a": 1})
    for number in (2, 0, 1):
        table.write(number, _part(number))
    table.finish(3)
    assert table.read()["sample_id"].to_pylist() == ["0-a", "0-b", "1-a", "1-b", "2-a", "2-b"]
    assert table.read(["value"]).column_names == ["value"]


def test_a_table_with_a_missing_part_cannot_be_finished_or_read(tmp_path: Path) -> None:
    table = PartTable(tmp_path / "t", SCHEMA, {})
    table.write(1, _part(1))
    with pytest.raises(RunError, match="lacks part 0"):
        table.finish(2)
    with pytest.raises(RunError, match="not finished"):
        table.read()


def test_a_table_of_which_a_part_was_deleted_is_not_finished_any_more(tmp_path: Path) -> None:
    table = PartTable(tmp_path / "t", SCHEMA, {})
    for number in range(2):
        table.write(number, _part(number))
    table.finish(2)
    table.part_path(0).unlink()
    assert not table.done
    with pytest.raises(RunError, match="not finished"):
        table.read()


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    table = PartTable(tmp_path / "t", SCHEMA, {})
    table.write(0, _part(0))
    table.finish(1)
    table.part_path(0).write_bytes(b"not parquet")
    with pytest.raises(RunError, match=r"part-000000.* is damaged"):
        table.read()


def test_a_table_that_another_command_made_anew_is_not_called_damaged(tmp_path: Path) -> None:
    table, other = (PartTable(tmp_path / "t", SCHEMA, {}) for _ in range(2))
    table.write(0, _part(0))
    table.finish(1)
    assert table.hashes
    other.drop([0])
    other.write(0, _part(1))
    other.finish(1)
    with pytest.raises(RunError, match=r"made anew by another command .* run the same command again"):
        table.read()
    assert table.read()["sample_id"].to_pylist() == ["1-a", "1-b"]


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    table = PartTable(tmp_path / "t", SCHEMA, {})
    table.finish(0)
    assert table.read().schema.equals(SCHEMA)


@pytest.mark.parametrize("delay", [0.05, 0.15, 0.3])
def test_a_killed_writer_leaves_only_whole_parts(tmp_path: Path, delay: float) -> None:
    script = textwrap.dedent(
        f"""
        import pyarrow as pa
        from pathlib import Path
        from finegold.run import PartTable
        schema = pa.schema([("sample_id", pa.string()), ("value", pa.float64())])
        table = PartTable(Path({str(tmp_path / "t")!r}), schema, {{}})
        print("ready", flush=True)
        for part in range(100000):
            table.write(part, {{"sample_id": [str(part)] * 500, "value": [float(part)] * 500}})
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        process.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    process.stdout.close()
    table = PartTable(tmp_path / "t", SCHEMA, {})
    count = 0
    for count, part in enumerate(table.parts(), start=1):
        assert part.num_rows == 500
        assert part["value"].to_pylist() == [float(count - 1)] * 500
    assert len(table.paths()) == count
    table.finish(count)
    assert not list(table.folder.glob(".*.tmp"))
