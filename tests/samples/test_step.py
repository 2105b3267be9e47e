import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finegold.errors import DataError
from finegold.run import BLOCK_ROWS, RunFolder, fingerprint
from finegold.samples import open_dataset
from finegold.samples.check import Checked, check
from finegold.samples.step import SCHEMA, columns_fingerprint, dataset_fingerprint, ingest, stamp

Picture = Callable[..., bytes]
ROWS = BLOCK_ROWS * 2 + 40
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@pytest.fixture(scope="module")
def pictures(picture: Picture) -> list[bytes]:
    return [picture(seed) for seed in range(20)]


@pytest.fixture
def data(tmp_path: Path, pictures: list[bytes]) -> Path:
    """Rows over twenty pictures; some repeat an id or a row of an earlier part, some are broken."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    for number, picture in enumerate(pictures):
        (folder / f"images/{number}.jpg").write_bytes(picture)
    with (folder / "data.jsonl").open("w") as file:
        for row in range(ROWS):
            same = row if row not in (BLOCK_ROWS + 3, BLOCK_ROWS * 2 + 5) else 3
            file.write(json.dumps(record(same, 3 if row == BLOCK_ROWS + 4 else same)) + "\n")
        file.write("{broken\n")
    return folder


def record(number: int, name: int) -> dict[str, Any]:
    return {
        "id": f"row {name}",
        "image": f"{number % 20}.jpg" if number != 7 else "none.jpg",
        "conversations": [
            {"from": "human", "value": "<image>"},
            {"from": "gpt", "value": f"Number {number}."},
        ],
    }


def read(data: Path, run: Path, **options: Any) -> pa.Table:
    return ingest(RunFolder.create(run, {"path": "data"}), open_dataset(data, **options)).read()


def test_every_row_is_there_with_its_reason(data: Path, tmp_path: Path) -> None:
    table = read(data, tmp_path / "run")
    assert table.schema.equals(SCHEMA)
    assert table["row"].to_pylist() == list(range(ROWS + 1))
    bad = {row["row"]: (row["code"], row["place"]) for row in table.to_pylist() if row["status"] != "ok"}
    assert bad == {
        7: ("missing-image", "data.jsonl line 8"),
        BLOCK_ROWS + 3: ("duplicate-row", f"data.jsonl line {BLOCK_ROWS + 4}"),
        BLOCK_ROWS + 4: ("repeated-id", f"data.jsonl line {BLOCK_ROWS + 5}"),
        BLOCK_ROWS * 2 + 5: ("duplicate-row", f"data.jsonl line {BLOCK_ROWS * 2 + 6}"),
        ROWS: ("malformed-row", f"data.jsonl line {ROWS + 1}"),
    }
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["answer"], first["turns"], first["width"], first["height"]) == (["Number 0."], 2, 24, 16)
    assert first["image_bytes"] == (data / "images/0.jpg").stat().st_size
    events = [json.loads(line) for line in (tmp_path / "run/events.jsonl").read_text().splitlines()]
    assert [event["row"] for event in events if event["event"] == "excluded"] == sorted(bad)


@pytest.mark.parametrize("stop", [0, 5, BLOCK_ROWS, BLOCK_ROWS + 100, BLOCK_ROWS * 2 + 20])
def test_a_stopped_run_ends_as_an_uninterrupted_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    whole = read(data, tmp_path / "whole")
    from finegold.samples import step

    real, seen = check, []

    def dying(row: Any, **options: Any) -> Checked:
        if row.index == stop:
            raise KeyboardInterrupt
        seen.append(row.index)
        return real(row, **options)

    monkeypatch.setattr(step, "check", dying)
    with pytest.raises(KeyboardInterrupt):
        read(data, tmp_path / "run")
    stop, seen[:] = -1, []
    assert read(data, tmp_path / "run").equals(whole)
    assert len(seen) <= ROWS + 1


def test_nothing_is_checked_twice(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(data, tmp_path / "run")
    from finegold.samples import step

    monkeypatch.setattr(step, "check", None)
    assert read(data, tmp_path / "run").equals(whole)


@pytest.mark.parametrize(
    "change", ["other picture", "picture gone", "picture appears", "data", "instruction"]
)
def test_what_changed_is_noticed(data: Path, tmp_path: Path, pictures: list[bytes], change: str) -> None:
    before = read(data, tmp_path / "run")
    options: dict[str, Any] = {}
    if change == "other picture":
        path = data / "images/19.jpg"
        path.write_bytes(pictures[18])
        os.utime(path, ns=(10**18, 10**18))
    elif change == "picture gone":
        (data / "images/3.jpg").unlink()
    elif change == "picture appears":
        (data / "images/none.jpg").write_bytes(pictures[0])
    elif change == "data":
        with (data / "data.jsonl").open("a") as file:
            file.write(json.dumps(record(9999, 9999)) + "\n")
    else:
        options = {"instruction": "What?", "ids": "row"}
    after = read(data, tmp_path / "run", **options)
    assert not after.equals(before)
    assert after.equals(read(data, tmp_path / "fresh", **options))


def test_a_subset_with_absolute_paths_is_checked_once(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").write_bytes(picture(0))
    row = {**record(1, 1), "image": str(tmp_path / "images/a.jpg")}
    (tmp_path / "data.json").write_text(json.dumps([row]))
    (tmp_path / "out").mkdir()
    open_dataset(tmp_path).write(tmp_path / "out", [0])
    whole = read(tmp_path / "out", tmp_path / "run")
    from finegold.samples import step

    monkeypatch.setattr(step, "check", None)
    assert read(tmp_path / "out", tmp_path / "run").equals(whole)


def test_a_minigpt4_image_that_appears_with_another_extension_is_noticed(
    tmp_path: Path, picture: Picture
) -> None:
    (tmp_path / "data/image").mkdir(parents=True)
    (tmp_path / "data/filter_cap.json").write_text(json.dumps([{"image_id": "1.5", "caption": "A cat."}]))
    assert read(tmp_path / "data", tmp_path / "run")["code"].to_pylist() == ["missing-image"]
    (tmp_path / "data/image/1.5.png").write_bytes(picture(0, "PNG"))
    assert read(tmp_path / "data", tmp_path / "run")["status"].to_pylist() == ["ok"]


def test_strict_stops_at_the_first_bad_row(data: Path, tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {"path": "data"})
    for _ in range(2):
        with pytest.raises(DataError, match=r"line 8 \(id 'row 7'\)"):
            ingest(run, open_dataset(data), strict=True)
        ingest(run, open_dataset(data))


@given(st.lists(st.tuples(TEXTS, st.none() | TEXTS), max_size=20))
@example([('a"b', "c\\d"), ("e\n", "\x7f"), ("é", None), ("\u2028", "plain")])
@example([("plain", "plain"), ("", "")])
def test_the_fingerprint_of_columns_is_that_of_their_lists(rows: list[tuple[str, str | None]]) -> None:
    lists = {"sample_id": [row[0] for row in rows], "content_hash": [row[1] for row in rows]}
    table = pa.table({name: pa.array(values, pa.string()) for name, values in lists.items()})
    assert columns_fingerprint(table) == fingerprint(lists)
    assert columns_fingerprint(pa.concat_tables([table[:7], table[7:]])) == fingerprint(lists)


def test_the_fingerprint_is_of_the_rows_not_their_order(
    data: Path, tmp_path: Path, pictures: list[bytes]
) -> None:
    table = read(data, tmp_path / "run")
    one = dataset_fingerprint(table)
    assert dataset_fingerprint(table.take(list(range(table.num_rows))[::-1])) == one
    assert dataset_fingerprint(table.slice(1)) != one
    (data / "images/2.jpg").write_bytes(pictures[1])
    assert dataset_fingerprint(read(data, tmp_path / "run")) != one


def test_the_stamp_is_json_and_tells_datasets_apart(data: Path) -> None:
    stamps = {json.dumps(stamp(open_dataset(data, ids=ids))) for ids in ("row", "record")}
    assert len(stamps) == 2
