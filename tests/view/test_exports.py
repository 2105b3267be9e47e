"""What is taken along: each file holds the rows that the page shows."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pyarrow as pa
from tests.view.conftest import Client

from finegold.samples import open_dataset
from finegold.selection.manifest import read_manifest
from finegold.view.exports import as_fiftyone, as_label_studio


def test_the_rows_of_a_filter_as_csv(client: Client) -> None:
    _, body, headers = client.send("/export/csv?f.status=selected&sort=taste&order=down")
    assert headers["content-disposition"] == 'attachment; filename="rows.csv"'
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    wanted = client.get("/api/rows?f.status=selected&sort=taste&order=down")["rows"]
    assert [row["sample_id"] for row in rows] == [row["sample_id"] for row in wanted]
    assert [float(row["taste"]) for row in rows] == [row["taste"] for row in wanted]
    assert all("ellipse" in row["answer"] for row in rows)


def test_tasks_for_label_studio_hold_images_texts_and_marks(client: Client) -> None:
    client.send("/api/marks", {"mark": "veto", "rows": [1], "note": "blurred"})
    tasks = json.loads(client.send("/export/label-studio?f.cluster=1")[1])
    assert len(tasks) == client.get("/api/rows?count=1&f.cluster=1")["total"]
    marked = {task["data"]["id"]: task for task in tasks if "annotations" in task}
    results = json.loads(client.send("/export/label-studio?f.mark=veto")[1])[0]["annotations"][0]["result"]
    assert set(marked) <= {"r0001"}
    assert [one["value"] for one in results] == [{"choices": ["veto"]}, {"text": ["blurred"]}]
    assert tasks[0]["data"]["image"] == f"/data/local-files/?d={tasks[0]['data']['images'][0].split('=')[1]}"
    client.send("/api/undo", {})


def test_samples_for_fiftyone_have_the_fields_that_are_declared(client: Client) -> None:
    found = json.loads(client.send("/export/fiftyone?f.status=selected")[1])
    assert (found["num_samples"], found["media_type"]) == (12, "image")
    for sample in found["samples"]:
        assert set(sample) - {"metadata"} <= set(found["sample_fields"])
        assert sample["tags"] == ["selected"]
        assert sample["filepath"].endswith(".png")
        for name, value in sample.items():
            if found["sample_fields"].get(name) == "fiftyone.core.fields.StringField" and value is not None:
                assert isinstance(value, str), name


def test_names_that_fiftyone_has_itself_or_forbids_are_changed() -> None:
    names = {"id": "column_id", "2d": "column_2d", "_own": "column__own", "a (indicator)": "a__indicator_"}
    texts = {
        "images": [["a.png"]],
        "status": ["selected"],
        "mark": [None],
        "question": [["?"]],
        "answer": [["!"]],
    }
    table = pa.table({**texts, **{name: [1] for name in names}})
    found = json.loads(as_fiftyone(table, "made"))
    assert {
        field: found["sample_fields"][field].rpartition(".")[2] for field in names.values()
    } == dict.fromkeys(names.values(), "IntField")
    assert set(names.values()) <= set(found["samples"][0])
    assert "id" not in found["samples"][0]


def test_a_task_of_label_studio_has_a_text_where_a_row_has_no_image() -> None:
    """Its importer refuses a whole file for one null in place of an image."""
    texts = {
        "images": [[]],
        "mark": ["veto"],
        "note": ["dull"],
        "sample_id": ["a"],
        "question": [[]],
        "answer": [[]],
    }
    (task,) = json.loads(as_label_studio(pa.table(texts)))
    assert task["data"]["image"] == ""
    results = task["annotations"][0]["result"]
    assert [(one["from_name"], one["value"]) for one in results] == [
        ("mark", {"choices": ["veto"]}),
        ("note", {"text": ["dull"]}),
    ]
    assert len({one["id"] for one in results}) == 2


def test_the_subset_is_the_chosen_records_as_they_came(client: Client, tmp_path: Path) -> None:
    status, body, _ = client.send("/export/subset")
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        archive.extractall(tmp_path)
    chosen = {row["sample_id"] for row in client.get("/api/rows?f.status=selected")["rows"]}
    subset = open_dataset(tmp_path / "data.json")
    assert {row.id for row in subset.rows()} == chosen
    assert all((tmp_path / "images" / f"{key[1:]}.png").exists() for key in chosen)
    assert {row.id for row in read_manifest(tmp_path / "selection.json").rows} == chosen


def test_an_export_that_is_not_there_is_refused(client: Client) -> None:
    assert client.send("/export/..%2f..%2fetc%2fpasswd")[0] in (400, 404)
    assert client.send("/export/everything")[0] == 400
