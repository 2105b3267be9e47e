import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from finegold.samples import Dataset, open_dataset
from finegold.samples.check import Checked, check
from finegold.samples.repeats import Repeats

Picture = Callable[..., bytes]


def talk(question: str = "<image>\nWhat?", answer: str = "A cat.") -> list[dict[str, str]]:
    return [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]


def dataset(folder: Path, picture: Picture, rows: list[dict[str, Any]]) -> Dataset:
    (folder / "images").mkdir(exist_ok=True)
    for seed, name in enumerate("abc"):
        (folder / f"images/{name}.jpg").write_bytes(picture(seed))
    (folder / "images/copy.jpg").write_bytes(picture(0))
    (folder / "data.json").write_text(json.dumps(rows))
    return open_dataset(folder)


def judge(data: Dataset) -> list[Checked]:
    repeats = Repeats()
    return [repeats.judge(check(row)) for row in data.rows()]


def codes(data: Dataset) -> list[str | None]:
    return [row.exclusion.code if row.exclusion else None for row in judge(data)]


def test_placeholders_must_fit_the_images(tmp_path: Path, picture: Picture) -> None:
    rows: list[dict[str, Any]] = [
        {"image": "a.jpg", "conversations": talk()},
        {"image": "a.jpg", "conversations": talk("What?")},
        {"image": "a.jpg", "conversations": talk("<image><image>")},
        {"image": ["a.jpg", "b.jpg"], "conversations": talk("<image> and <image>")},
        {"image": ["a.jpg", "b.jpg"], "conversations": talk("<image>")},
        {"conversations": talk("<image>")},
        {"conversations": talk("What is red?")},
        {"image": None, "conversations": talk("What is blue?")},
    ]
    expected = [None, "placeholder-mismatch", "placeholder-mismatch", None, "placeholder-mismatch"]
    assert codes(dataset(tmp_path, picture, rows)) == [*expected, "placeholder-mismatch", None, None]


def test_answers_must_say_something(tmp_path: Path, picture: Picture) -> None:
    rows = [
        {"image": "a.jpg", "conversations": talk(answer="")},
        {"image": "a.jpg", "conversations": talk(answer=" \n\t")},
        {"image": "a.jpg", "conversations": talk()[:1]},
    ]
    assert codes(dataset(tmp_path, picture, rows)) == ["empty-answer"] * 3


def test_a_repeated_id_and_an_equal_row_are_told_apart(tmp_path: Path, picture: Picture) -> None:
    rows = [
        {"id": "x", "image": "a.jpg", "conversations": talk()},
        {"id": "x", "image": "b.jpg", "conversations": talk()},
        {"id": "x", "image": "a.jpg", "conversations": talk()},
        {"id": "y", "image": "a.jpg", "conversations": talk()},
        {"id": "z", "image": "none.jpg", "conversations": talk()},
        {"id": "z", "image": "c.jpg", "conversations": talk()},
        {"image": "c.jpg", "conversations": talk("<image> anonymous")},
        {"image": "c.jpg", "conversations": talk("<image> anonymous")},
    ]
    found = judge(dataset(tmp_path, picture, rows))
    assert [row.exclusion and row.exclusion.code for row in found] == [
        None,
        "repeated-id",
        "duplicate-row",
        "duplicate-row",
        "missing-image",
        None,
        None,
        "duplicate-row",
    ]
    assert found[1].exclusion is not None
    assert "record 1" in found[1].exclusion.reason
    assert "--ids row" in found[1].exclusion.reason
    assert found[3].exclusion is not None
    assert "record 1" in found[3].exclusion.reason


def test_the_same_caption_of_another_picture_is_no_duplicate(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "image").mkdir()
    for name, seed in (("1", 1), ("2", 2), ("3", 1)):
        (tmp_path / f"image/{name}.jpg").write_bytes(picture(seed))
    rows = [{"image_id": name, "caption": "A cat."} for name in "123"]
    (tmp_path / "filter_cap.json").write_text(json.dumps({"annotations": rows}))
    assert codes(open_dataset(tmp_path)) == [None, None, "duplicate-row"]


def test_the_content_hash_covers_record_and_pixels_but_not_the_id(tmp_path: Path, picture: Picture) -> None:
    row: dict[str, Any] = {"id": "x", "image": "a.jpg", "conversations": talk()}
    variants: list[dict[str, Any]] = [
        row,
        {**row, "id": "y"},
        {"conversations": talk(), "image": "a.jpg"},
        {**row, "note": 1},
        {**row, "image": "copy.jpg"},
    ]
    hashes = [check(found).content_hash for found in dataset(tmp_path, picture, variants).rows()]
    assert hashes[0] == hashes[1] == hashes[2]
    assert len({*hashes}) == 3
    (tmp_path / "images/a.jpg").write_bytes(picture(99))
    again = [check(found).content_hash for found in open_dataset(tmp_path).rows()]
    assert again[0] != hashes[0]
    assert again[4] == hashes[4]


def test_every_image_of_a_row_counts(tmp_path: Path, picture: Picture) -> None:
    rows: list[dict[str, Any]] = [
        {"image": ["a.jpg", name], "conversations": talk("<image><image>")} for name in ("b.jpg", "none.jpg")
    ]
    found = judge(dataset(tmp_path, picture, rows))
    assert [row.exclusion and row.exclusion.code for row in found] == [None, "missing-image"]
    assert [(image.width, image.height) for image in found[0].images] == [(24, 16), (24, 16)]


def test_ids_of_anonymous_rows_follow_them_when_rows_move(tmp_path: Path, picture: Picture) -> None:
    rows: list[dict[str, Any]] = [{"image": f"{name}.jpg", "conversations": talk()} for name in "abc"]
    forward = [row.id for row in dataset(tmp_path, picture, rows).rows()]
    assert [row.id for row in dataset(tmp_path, picture, rows[::-1]).rows()] == forward[::-1]
    assert all(len(name) == 16 for name in forward)
