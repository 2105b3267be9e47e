import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finegold.run import RunFolder
from finegold.samples import open_dataset
from finegold.samples.sources import field_text, find_source
from finegold.samples.step import ingest


@pytest.mark.parametrize(
    ("images", "source"),
    [
        (["coco/train2017/000001.jpg"], "coco"),
        (["./gqa/images/1.jpg"], "gqa"),
        (["images/vg/VG_100K/1.jpg"], "vg"),
        (["textvqa\\train_images\\1.jpg"], "textvqa"),
        (["images/1.jpg"], "data"),
        (["1.jpg"], "data"),
        (["/srv/coco/1.jpg"], "data"),
        (["C:\\coco\\1.jpg"], "data"),
        (["https://example.org/coco/1.jpg"], "data"),
        (["../coco/1.jpg"], "data"),
        (["", "coco/1.jpg"], "data"),
        ([], "data"),
    ],
)
def test_the_source_is_the_first_folder_of_the_image(images: list[str], source: str) -> None:
    assert find_source({}, images, None, "data") == source


def test_the_source_is_a_field_where_one_is_named() -> None:
    record = {"dataset": "vqa", "meta": {"origin": 7}, "a.b": "dotted", "none": None, "list": ["x"]}
    found = {key: field_text(record, key) for key in ("dataset", "meta.origin", "a.b", "none", "list", "x.y")}
    assert found == {
        "dataset": "vqa",
        "meta.origin": "7",
        "a.b": "dotted",
        "none": None,
        "list": None,
        "x.y": None,
    }
    assert find_source(record, ["coco/1.jpg"], "dataset", "data") == "vqa"
    assert find_source(record, ["coco/1.jpg"], "none", "data") == "data"


def test_every_row_of_the_samples_table_has_its_source_and_kind(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco/1.jpg").write_bytes(picture(1))

    def row(question: str, answer: str, **fields: Any) -> dict[str, Any]:
        turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
        return {"id": answer, "conversations": turns, **fields}

    rows = [
        row("<image>\nIs it a dog?", "Yes", image="coco/1.jpg", set="a"),
        row("Two and two?", "4", set="b"),
        row("<image>\nWhat is it?", "A cat", image="none.jpg"),
        {"id": "bad"},
    ]
    data = tmp_path / "rows.json"
    data.write_text(json.dumps(rows))

    def read(name: str, **options: Any) -> list[tuple[str | None, str | None]]:
        run = RunFolder.create(tmp_path / name, {})
        table = ingest(run, open_dataset(data, images=tmp_path, **options)).read(["source", "kind"])
        return [(one["source"], one["kind"]) for one in table.to_pylist()]

    assert read("run") == [("coco", "yes-no"), ("rows", "text-only"), ("rows", "short-answer"), (None, None)]
    assert [source for source, _ in read("run", source_field="set")] == ["a", "b", "rows", None]
    own = tmp_path / "kinds.toml"
    own.write_text('[[rules]]\nkind = "mine"\n')
    assert [kind for _, kind in read("run", kinds=own)] == ["mine"] * 3 + [None]
