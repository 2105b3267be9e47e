import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finegold.errors import DataError, RunError
from finegold.selection import find_preset
from finegold.selection.manifest import (
    Configuration,
    Counts,
    DatasetInfo,
    Manifest,
    RowInfo,
    ScorerInfo,
    manifest_text,
    read_manifest,
    read_table,
)
from finegold.selection.table import SCHEMA


def manifest(**changes: Any) -> Manifest:
    configuration = Configuration(
        preset=find_preset("clip-only").content(),
        encoder={"name": "offline"},
        encoder_name="offline",
        scorers=[
            ScorerInfo(
                name="clip", version="1", fingerprint="g", parameters={"mode": "paper"}, table="clip-g"
            )
        ],
        weights={"clip": 1.0},
        clustering=None,
    )
    rows = [
        RowInfo(
            id=name, cluster=None, quality=1.0, scores={"clip": 3.0}, rank=rank, content_hash="h", place="p"
        )
        for rank, name in enumerate(("ä", "b"), start=1)
    ]
    fields = {
        "finegold": "0.1.0",
        "libraries": {"numpy": "2.0"},
        "dataset": DatasetInfo(
            fingerprint="f", format="llava", name="a.json", instruction=None, ids="record"
        ),
        "configuration": configuration,
        "seed": 7,
        "size": 2,
        "counts": Counts(rows_in=7, selected=2, not_selected=1, excluded={"missing-image": 4}),
        "clusters": [],
        "notes": [],
        "rows": rows,
    }
    return Manifest(**(fields | changes))


def test_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "selection.json"
    path.write_text(manifest_text(manifest()), encoding="utf-8")
    assert read_manifest(path) == manifest()


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_its_text_is_indented_json(chosen: int) -> None:
    text = manifest_text(manifest(rows=manifest().rows[:chosen], notes=['"rows": []', "ä"]))
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def test_its_folder_is_named_after_what_the_subset_depends_on() -> None:
    whole = manifest()
    assert whole.folder == f"clip-only-2-{whole.fingerprint}"
    assert manifest(notes=["said"], libraries={}).fingerprint == whole.fingerprint
    others = [
        manifest(seed=8),
        manifest(configuration=whole.configuration.model_copy(update={"weights": {"clip": 2.0}})),
        manifest(dataset=whole.dataset.model_copy(update={"fingerprint": "g"})),
    ]
    assert len({whole.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_a_file_of_the_schema_before_is_read(tmp_path: Path) -> None:
    content = json.loads(manifest_text(manifest()))
    asked = content["configuration"]
    preset = asked.pop("preset")
    del asked["encoder_name"], content["dataset"]["sequence"], asked["scorers"][0]["table"]
    asked |= {
        "preset": "clip-only",
        "preset_version": "1",
        "partition": "none",
        **{
            key: preset[key]
            for key in ("normalise", "quality", "allocate", "pick", "pick_parameters", "drop")
        },
    }
    del content["files"], content["sha256"]
    content |= {"schema": "finegold/selection/1", "excluded": [{"id": "x", "code": "missing-image"}]}
    path = tmp_path / "selection.json"
    path.write_text(json.dumps(content))
    found = read_manifest(path)
    assert found.rows == manifest().rows
    assert found.configuration.preset["name"] == "clip-only"


def test_rows_beyond_what_the_file_holds_are_in_its_table(tmp_path: Path) -> None:
    path = tmp_path / "selection.json"
    path.write_text(manifest_text(manifest(rows=[])), encoding="utf-8")
    with pytest.raises(DataError, match=r"selection\.parquet beside .* is not there: .*select again"):
        read_manifest(path)


def unsealed() -> str:
    """The text of a manifest as an earlier finegold wrote it, without a hash of its content."""
    content = json.loads(manifest_text(manifest()))
    return json.dumps({key: value for key, value in content.items() if key not in ("files", "sha256")})


def test_a_changed_value_is_found(tmp_path: Path) -> None:
    path = tmp_path / "selection.json"
    path.write_text(manifest_text(manifest()).replace('"size": 2', '"size": 3'), encoding="utf-8")
    with pytest.raises(RunError, match=r"selection\.json is damaged .*: run `finegold check"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "it is no JSON"),
        ("[]", "it is other JSON"),
        ("{}", "it is other JSON"),
        (unsealed().replace('"finegold":', '"finegld":'), "'finegld' is no field of it"),
        (unsealed().replace("finegold/selection/2", "finegold/selection/9"), "'schema' should be"),
        (unsealed().replace('"size": 2', '"size": "two"'), "'size' should be a valid integer"),
        ('{"schema": "finegold/selection/1"}', "'configuration' is missing"),
    ],
)
def test_a_file_that_is_not_one_is_named_with_the_place(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "selection.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_manifest(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(tmp_path / "none.json")
    with pytest.raises(DataError, match=r"is a folder, expected a selection.json: name .*selection\.json"):
        read_manifest(tmp_path)


def whole_table() -> pa.Table:
    """The table of `manifest()`: two selected rows, one that was not, and four that are excluded."""
    selected, other = ["selected"] * 2 + ["not selected"], ["excluded"] * 4
    columns: dict[str, list[Any]] = {field.name: [None] * 7 for field in SCHEMA}
    columns |= {
        "sample_id": list("äbcdefg"),
        "status": selected + other,
        "code": [None] * 3 + ["missing-image"] * 4,
        "rank": [1, 2] + [None] * 5,
        "row": list(range(7)),
    }
    return pa.table(columns, SCHEMA).append_column("clip", pa.array([3.0, 3.0, 1.0] + [None] * 4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: made.drop_columns(["quality"]), "no column 'quality'"),
        (lambda made: made.drop_columns(["clip"]), "no column 'clip'"),
        (lambda made: made.slice(1), "'row' does not count from 0"),
        (lambda made: with_column(made, "cluster", pa.array(["x"] * 7)), "cannot be read"),
        (lambda made: with_column(made, "cluster", pa.array([-1] * 7)), "negative"),
        (lambda made: with_column(made, "status", pa.array(["chosen"] * 7)), "status 'chosen'"),
        (lambda made: with_column(made, "rank", pa.array([1, 1] + [None] * 5)), "does not count from 1"),
        (lambda made: with_column(made, "rank", pa.array(list(range(1, 8)))), "has a 'rank'"),
        (lambda made: with_column(made, "row", pa.array([[1]] * 7)), "cannot be read"),
    ],
)
def test_a_table_that_is_none_of_a_selection_is_one_sentence(
    change: Callable[[pa.Table], pa.Table], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "selection.json"
    path.write_text(manifest_text(manifest()), encoding="utf-8")
    pq.write_table(whole_table(), tmp_path / "selection.parquet")
    assert read_table(path).num_rows == 7
    pq.write_table(change(whole_table()), tmp_path / "selection.parquet")
    with pytest.raises(DataError, match=message):
        read_table(path)


def with_column(made: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return made.set_column(made.schema.get_field_index(name), name, values)
