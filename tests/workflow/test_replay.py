"""A manifest makes the same subset again, or says what differs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from finegold.workflow import DataSource, pick, replay

MakeDataset = Callable[..., Path]


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "report.html"
    }


def test_the_same_subset_from_a_shuffled_and_extended_dataset(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(20)
    picked = pick(data, size=6, out=tmp_path / "out", preset="length-only")
    result = replay(tmp_path / "out" / "selection.json", DataSource.of(data), tmp_path / "again")
    assert result.differences == ()
    assert _content(tmp_path / "again") == _content(tmp_path / "out")

    records = json.loads(data.read_text())
    extra = json.loads(json.dumps(records[0]).replace("r0000", "new").replace("A ", "Not a "))
    data.write_text(json.dumps([extra, *reversed(records)]))
    result = replay(tmp_path / "out" / "selection.json", DataSource.of(data), tmp_path / "third")
    assert result.differences == ()
    again = json.loads((tmp_path / "third" / "data.json").read_text())
    assert {record["id"] for record in again} == {row.id for row in picked.manifest.rows}


@pytest.mark.parametrize("change", ["gone", "answer", "pixels", "broken"])
def test_what_differs_is_named_and_nothing_is_written(
    make_dataset: MakeDataset, tmp_path: Path, change: str
) -> None:
    data = make_dataset(12)
    picked = pick(data, size=4, out=tmp_path / "out", preset="length-only")
    victim = picked.manifest.rows[1].id
    records = json.loads(data.read_text())
    index = next(i for i, record in enumerate(records) if record["id"] == victim)
    image = data.parent / "images" / records[index]["image"]
    if change == "gone":
        del records[index]
    elif change == "answer":
        records[index]["conversations"][1]["value"] += "!"
    elif change == "pixels":
        image.write_bytes((data.parent / "images" / records[index - 1]["image"]).read_bytes())
    else:
        image.write_bytes(image.read_bytes()[:60])
    data.write_text(json.dumps(records))
    result = replay(tmp_path / "out" / "selection.json", DataSource.of(data), tmp_path / "again")
    assert len(result.differences) == 1
    assert victim in result.differences[0]
    assert not (tmp_path / "again").exists()
