"""The public API from a script, and as a notebook shows it."""

import shutil
from pathlib import Path

import datasets
import pandas as pd
import pytest
from PIL import Image
from tests.conftest import MakeDataset

import finegold


@pytest.fixture
def desk(make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `captions.json`, `photos/` and `photo.jpg`, which is the working folder."""
    data = make_dataset(30)
    folder = tmp_path / "desk"
    folder.mkdir()
    shutil.copyfile(data, folder / "captions.json")
    shutil.copytree(data.parent / "images", folder / "photos")
    for name in ("photo.jpg", "photos/1.jpg"):
        Image.open(data.parent / "images/0001.png").convert("RGB").save(folder / name)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    return folder


def test_rows_in_memory_are_picked_as_those_of_the_file(desk: Path) -> None:
    rows = pd.read_json("captions.json", dtype=False).to_dict("records")
    from_file = finegold.pick("captions.json", 5, images="photos", preset="length-only", run="a.run")
    for number, data in enumerate((rows, pd.DataFrame(rows), datasets.Dataset.from_list(rows))):
        chosen = finegold.pick(data, 5, f"out{number}", images="photos", preset="length-only")
        assert chosen.ids == from_file.ids
        again = finegold.open_dataset(next(Path(f"out{number}").glob("rows-*")))
        assert sorted(row.id for row in again) == sorted(chosen.ids)
        # The run keeps the rows, so it opens without them.
        same = finegold.Run.open(f"out{number}.run").select(finegold.SelectionSettings.of("length-only", 5))
        assert same.ids == chosen.ids


def test_a_dataset_has_the_manners_of_a_list(desk: Path) -> None:
    data = finegold.open_dataset("captions.json", images="photos")
    assert len(data) == 30
    assert [row.id for row in data] == [data[at].id for at in range(30)]
    assert data[-1].id == "r0029"
    with pytest.raises(IndexError, match="has 30 rows and none at position 30"):
        data[30]
    frame = data.to_pandas()
    assert list(frame.id) == [row.id for row in data]
    assert frame.messages[0][1]["content"].startswith("A ")
    hub = data.to_hf()
    assert hub[3]["images"][0].size == (96, 80)
    assert finegold.open_dataset(hub)[3].sample.turns == data[3].sample.turns  # type: ignore[union-attr]


def test_objects_show_themselves_in_a_notebook(desk: Path) -> None:
    rows = pd.read_json("captions.json", dtype=False).to_dict("records")
    rows[0]["conversations"][1]["value"] = "<script>alert(1)</script>"
    rows[2]["conversations"][1]["value"] = "half \ud800"
    rows[1]["image"] = "missing.png"
    data = finegold.open_dataset(rows, images="photos")
    run = finegold.Run.open("r.run", rows, images="photos", encoder="offline")
    chosen = run.pick(finegold.SelectionSettings.of("length-only", 3))
    compared = run.compare([finegold.find_preset("random"), finegold.find_preset("length-only")], "3")
    inspected = finegold.inspect(data)
    cards = {name: one._repr_html_() for name, one in locals().items() if hasattr(one, "_repr_html_")}
    assert set(cards) == {"data", "chosen", "compared", "inspected"}
    assert "<script>" not in "".join(cards.values())
    assert "&lt;script&gt;" in cards["data"]
    assert cards["chosen"].count("data:image/webp") == 3
    assert "half of a surrogate pair" in cards["data"]
    assert "missing-image" in cards["inspected"]
    assert "random" in cards["compared"]
    "".join(cards.values()).encode("utf-8")
