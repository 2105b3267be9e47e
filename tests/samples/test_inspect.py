import json
from collections.abc import Callable
from pathlib import Path

from finegold.samples import open_dataset
from finegold.samples.check import check
from finegold.samples.inspect import inspect_rows
from finegold.samples.repeats import Repeats


def test_the_figures_are_of_the_usable_rows(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    (tmp_path / "images").mkdir()
    sizes = {"a": (30, 10), "b": (10, 50), "c": (20, 20)}
    for seed, (name, size) in enumerate(sizes.items()):
        (tmp_path / f"images/{name}.jpg").write_bytes(picture(seed, "JPEG", size))
    (tmp_path / "images/empty.jpg").touch()
    rows = [
        {
            "id": f"{n}",
            "image": image,
            "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}],
        }
        for n, (image, question, answer) in enumerate(
            [
                ("a.jpg", "<image>", "x" * 10),
                (["b.jpg", "c.jpg"], "<image><image>", "x" * 40),
                ("empty.jpg", "<image>", "x" * 1000),
                (None, "What?", "x" * 20),
                (None, "What?", "é" * 31),
                ("none.jpg", "<image>", "x"),
                ("../a.jpg", "<image>", "x"),
                ("none.jpg", "<image>", "y"),
            ]
        )
    ]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    dataset = open_dataset(tmp_path)
    judged = list(map(Repeats().judge, map(check, dataset.rows())))
    found = inspect_rows(judged, dataset.kinds).as_json(dataset.format, ["data.json"])
    bytes_of = {name: (tmp_path / f"images/{name}.jpg").stat().st_size for name in sizes}
    assert json.loads(json.dumps(found)) == found
    bad = found.pop("bad")
    assert found == {
        "format": "llava",
        "files": ["data.json"],
        "rows": 8,
        "usable": 4,
        "images": 3,
        "text_only": 2,
        "image_bytes": sum(bytes_of.values()),
        "turns": {"min": 2, "median": 2.0, "max": 2},
        "answer_chars": {"min": 10, "median": 25.5, "max": 40},
        "width": {"min": 10, "median": 20.0, "max": 30},
        "height": {"min": 10, "median": 20.0, "max": 50},
        "sources": {tmp_path.name: 4},
        "kinds": {"short-caption": 2, "text-only": 2},
        "notes": {},
        "excluded": {"missing-image": 2, "empty-image": 1, "outside-root": 1},
    }
    assert [(row["row"], row["id"], row["place"], row["code"]) for row in bad] == [
        (2, "2", "data.json record 3", "empty-image"),
        (5, "5", "data.json record 6", "missing-image"),
        (6, "6", "data.json record 7", "outside-root"),
        (7, "7", "data.json record 8", "missing-image"),
    ]
    assert inspect_rows(judged, dataset.kinds, strict=True).rows == 3
    assert inspect_rows([], dataset.kinds).turns is None


def test_what_training_cuts_is_said(tmp_path: Path) -> None:
    question, answer = {"from": "human", "value": "What?"}, {"from": "gpt", "value": "A cat."}
    talks = [[answer, question, answer], [question, answer, question], [question, question, answer]]
    rows = [{"id": n, "conversations": talk} for n, talk in enumerate([*talks, [question, answer]])]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    dataset = open_dataset(tmp_path)
    found = inspect_rows(map(check, dataset.rows()), dataset.kinds)
    assert found.usable == 4
    assert [note.split(":")[0] for note in found.notes] == [
        "begin with an answer",
        "end with a question that has no answer",
        "have neighbouring turns of one role",
    ]
    assert set(found.notes.values()) == {1}


def test_an_image_id_names_the_image_and_the_other_id_is_said(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    (tmp_path / "image").mkdir()
    for number in range(3):
        (tmp_path / f"image/{number}.jpg").write_bytes(picture(number))
    rows = [
        {"id": (number + 1) % 3, "image_id": number, "caption": f"Picture {number}."} for number in range(3)
    ]
    (tmp_path / "filter_cap.json").write_text(json.dumps({"annotations": rows}))
    dataset = open_dataset(tmp_path)
    checked = list(map(check, dataset.rows()))
    samples = [one.row.sample for one in checked]
    assert [(s.id, s.images[0].name, s.answer) for s in samples if s] == [
        ("1", "0.jpg", "Picture 0."),
        ("2", "1.jpg", "Picture 1."),
        ("0", "2.jpg", "Picture 2."),
    ]
    assert list(inspect_rows(checked, dataset.kinds).notes.values()) == [3]
