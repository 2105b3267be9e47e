"""Runs of other shapes: images inside the records, rows without images, and a run without a selection."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from finegold.engines import Compute
from finegold.errors import RunError
from finegold.samples import open_dataset
from finegold.scorers import make_scorer
from finegold.view.browse import Browser
from finegold.view.database import NO_SELECTION, RowDatabase
from finegold.view.detail import record_text, row_detail
from finegold.view.filters import RowFilter
from finegold.view.pictures import Pictures
from finegold.view.places import Places
from finegold.workflow import Run
from finegold.workflow.rows import checked_rows

pytest.importorskip("duckdb")


def encoded(colour: str, format: str = "PNG") -> bytes:
    out = BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, format)
    return out.getvalue()


def turns(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def opened(run: Run, folder: Path) -> tuple[RowDatabase, Browser, Places]:
    folder.mkdir()
    pool = RowDatabase(checked_rows(run.folder, run.dataset, Compute()), folder)
    places = Places(pool, folder)
    return pool, Browser(pool, places), places


def test_images_inside_the_records_are_shown_and_the_record_names_their_bytes(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "id": "a",
            "messages": turns("What?", "A red area."),
            "image": {"bytes": encoded("red"), "path": None},
        },
        {
            "id": "b",
            "messages": turns("What?", "A blue one."),
            "image": {"bytes": encoded("blue", "TIFF"), "path": None},
        },
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
    run = Run.open(tmp_path / "a.run", tmp_path / "data.parquet")
    run.score(make_scorer("length"))
    pool, _, _ = opened(run, tmp_path / "scratch")
    pictures = Pictures(pool)
    red = Image.open(BytesIO(pictures.thumbnail(0, 0))).convert("RGB").getpixel((20, 15))
    assert isinstance(red, tuple)
    assert red[0] > 200 > red[2]
    data, media = pictures.image(1, 0)
    assert (media, Image.open(BytesIO(data)).getpixel((5, 5))) == ("image/png", (0, 0, 255))
    assert "bytes>" in record_text(pool, 0)


def test_a_run_without_a_selection_and_rows_without_images(tmp_path: Path) -> None:
    records = [{"id": str(at), "messages": turns(f"Question {at}?", f"Answer {at}.")} for at in range(5)]
    (tmp_path / "data.json").write_text(json.dumps(records))
    run = Run.open(tmp_path / "a.run", tmp_path / "data.json")
    run.score(make_scorer("length"))
    pool, browser, places = opened(run, tmp_path / "scratch")
    assert pool.selection_names() == []
    columns = {column.name for column in pool.columns(NO_SELECTION)}
    assert {"status", "length", "turns"} <= columns
    assert not {"rank", "quality", "code"} & columns
    assert browser.count(NO_SELECTION, RowFilter({}, {"status": ("usable",)})) == 5
    found = row_detail(pool, browser, places, NO_SELECTION, 2)
    assert found["why"] == "It can be used. There is no selection yet."
    assert (found["row"]["n_images"], found["layers"]) == (0, [])


def test_data_that_changed_since_is_said(tmp_path: Path) -> None:
    records = [{"id": str(at), "messages": turns(f"Question {at}?", f"Answer {at}.")} for at in range(3)]
    data = tmp_path / "data.json"
    data.write_text(json.dumps(records))
    run = Run.open(tmp_path / "a.run", data)
    run.score(make_scorer("length"))
    data.write_text(json.dumps([*records, {"id": "9", "messages": turns("More?", "Yes, more.")}]))
    again = Run.open(tmp_path / "a.run")
    with pytest.raises(RunError, match=r"does not hold the rows of .* as they are now.* run the command"):
        checked_rows(again.folder, open_dataset(data), Compute())
