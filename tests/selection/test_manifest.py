import json
from pathlib import Path

import numpy as np
import pytest

from finegold.errors import DataError
from finegold.selection import (
    DatasetInfo,
    ExcludedInfo,
    Manifest,
    ScorerInfo,
    SelectionInputs,
    build_manifest,
    find_preset,
    manifest_text,
    read_manifest,
    select,
)


def manifest() -> Manifest:
    clip = np.array([1.0, np.nan, 3.0, 2.0])
    inputs = SelectionInputs(["ä", "b", "c", "d"], {"clip": clip, "reward": clip - 1})
    selection = select(inputs, find_preset("clip-only"), 2, seed=7)
    return build_manifest(
        selection,
        finegold="0.1.0",
        libraries={"numpy": "2.0"},
        dataset=DatasetInfo(
            fingerprint="f", format="llava", name="pool.json", instruction=None, ids="record"
        ),
        encoder={"name": "offline"},
        scorers=[ScorerInfo(name="clip", version="1", fingerprint="g", parameters={"mode": "paper"})],
        clustering=None,
        origins={name: (f"hash of {name}", f"record {name}") for name in ("ä", "b", "c", "d")},
        excluded=[
            ExcludedInfo(id=f"bad {i}", place=f"record {i}", code="missing-image", reason="it is not there")
            for i in range(3)
        ],
    )


def test_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "selection.json"
    path.write_text(manifest_text(manifest()), encoding="utf-8")
    assert read_manifest(path) == manifest()


def test_what_programs_read() -> None:
    content = json.loads(manifest_text(manifest()))
    assert content["schema"] == "finegold/selection/1"
    assert content["rows"][0] == {
        "id": "c",
        "cluster": None,
        "quality": 1.0,
        "scores": {"clip": 3.0, "reward": 2.0},
        "rank": 1,
        "content_hash": "hash of c",
        "place": "record c",
    }
    counts = content["counts"]
    assert counts["excluded"] == {"missing-image": 3, "no-quality": 1}
    assert counts["rows_in"] == 7 == counts["selected"] + counts["not_selected"] + 4
    assert [row["id"] for row in content["excluded"]] == ["bad 0", "bad 1", "bad 2", "b"]
    assert content["excluded"][3]["reason"] == "none of the indicators clip applies to the row"
    assert content["seed"] == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "at its beginning"),
        ("{}", "at finegold, field required"),
        (manifest_text(manifest()).replace("finegold/selection/1", "finegold/selection/9"), "at schema"),
        (manifest_text(manifest()).replace('"size": 2', '"size": "two"'), "at size"),
    ],
)
def test_a_file_that_is_not_one_is_named_with_the_place(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "selection.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_manifest(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(tmp_path / "none.json")
