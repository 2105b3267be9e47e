import json
from collections.abc import Callable
from pathlib import Path

from finegold.samples import open_dataset
from finegold.samples.check import Repeats, check
from finegold.samples.inspect import inspect_rows


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
        "sources": {"data": 4},
        "kinds": {"short-caption": 2, "text-only": 2},
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
