"""Names that no file can have."""

import json
from pathlib import Path
from typing import Any

import pytest

from finegold.errors import DataError
from finegold.samples import open_dataset
from finegold.samples.check import check

LONG = "a" * 300
NAMES = [LONG, f"{LONG}.jpg", f"{LONG}/x.jpg", "a/" * 3000 + "x.jpg", "x\0.jpg", "file://" + LONG, "."]


def turns(n: int) -> dict[str, Any]:
    return {"conversations": [{"from": "human", "value": f"<image>{n}"}, {"from": "gpt", "value": "a"}]}


def codes(path: Path) -> list[str | None]:
    checked = [check(row) for row in open_dataset(path).rows()]
    return [None if one.exclusion is None else one.exclusion.code for one in checked]


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("name", NAMES)
def test_an_image_name_that_no_file_has_is_a_row_with_a_reason(
    tmp_path: Path, picture: Any, name: str, place: int
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").write_bytes(picture())
    records = [{"id": str(n), "image": "a.jpg", **turns(n)} for n in range(3)]
    records.insert(place, {"id": "bad", "image": name, **turns(9)})
    (tmp_path / "data.json").write_text(json.dumps(records))
    found = codes(tmp_path / "data.json")
    assert found.pop(place) is not None
    assert found == [None] * 3


@pytest.mark.parametrize("name", [LONG, "a/" * 3000 + "x", "x\0"])
def test_an_image_id_that_no_file_has_is_a_row_with_a_reason(tmp_path: Path, picture: Any, name: str) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image/a.jpg").write_bytes(picture())
    records = [{"image_id": name, "caption": "no"}, {"image_id": "a", "caption": "yes"}]
    (tmp_path / "filter_cap.json").write_text(json.dumps({"annotations": records}))
    bad, good = codes(tmp_path)
    assert bad is not None
    assert good is None


@pytest.mark.parametrize("name", [LONG, "x\0.arrow", "a/b\0/x", "\ud800", "..", "", "../x"])
def test_a_saved_dataset_that_names_no_file_stops_with_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "dataset_info.json").write_text("{}")
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(DataError, match=r"expected|missing"):
        open_dataset(tmp_path)


def test_an_empty_image_of_a_table_is_a_row_without_an_image(tmp_path: Path) -> None:
    empty: list[Any] = [
        {"bytes": None, "path": None},
        [{"bytes": None, "path": None}],
        {"path": None},
        None,
    ]
    text = {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}
    records = [{"id": str(n), "image": image, **text} for n, image in enumerate(empty)]
    (tmp_path / "data.json").write_text(json.dumps(records))
    assert [row.sample is not None and row.sample.images for row in open_dataset(tmp_path).rows()] == [()] * 4
