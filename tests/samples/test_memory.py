from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from finegold.errors import ConfigError, DataError
from finegold.samples import open_dataset
from finegold.samples.images import decode
from finegold.samples.memory import store_rows


def chat(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def rows(folder: Path, count: int = 4) -> list[dict[str, Any]]:
    found = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.new("RGB", (8, 6), (number * 40, 10, 20)).save(path)
        found.append(
            {
                "id": f"r{number}",
                "images": [str(path)],
                "messages": chat("<image>\nWhat?", f"It is {number}."),
            }
        )
    return found


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))


def answers(data: Any, **options: Any) -> list[tuple[str, str, tuple[int, int]]]:
    found = []
    for row in open_dataset(data, **options):
        assert row.sample is not None, row.exclusion
        found.append((row.id, row.sample.answer, decode(row.sample.images[0]).size))
    return found


def test_every_shape_of_data_in_memory_gives_the_same_rows(tmp_path: Path) -> None:
    listed = rows(tmp_path)
    pictures = [row | {"images": [Image.open(name) for name in row["images"]]} for row in listed]
    arrays = [row | {"images": [np.asarray(Image.open(name)) for name in row["images"]]} for row in listed]
    hub = datasets.Dataset.from_list(listed).cast_column("images", datasets.List(datasets.Image()))
    wanted = [(f"r{number}", f"It is {number}.", (8, 6)) for number in range(4)]
    shapes = {
        "list": listed,
        "generator": (row for row in listed),
        "pandas": pd.DataFrame(listed),
        "arrow": pa.Table.from_pylist(listed),
        "hugging face": datasets.Dataset.from_list(listed),
        "hugging face with images": hub,
        "hugging face stream": hub.to_iterable_dataset(),
        "PIL": pictures,
        "arrays": arrays,
        "pandas with PIL": pd.DataFrame(pictures),
    }
    for name, data in shapes.items():
        assert answers(data, images=tmp_path) == wanted, name


def test_a_selection_of_a_hugging_face_dataset_keeps_its_order(tmp_path: Path) -> None:
    hub = datasets.Dataset.from_list(rows(tmp_path)).select([3, 1])
    assert [key for key, *_ in answers(hub, images=tmp_path)] == ["r3", "r1"]


def test_a_jpeg_that_was_opened_from_a_file_keeps_its_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg", quality=40)
    data = [{"id": "a", "images": [Image.open(tmp_path / "a.jpg")], "messages": chat("<image>?", "Noise.")}]
    sample = open_dataset(data)[0].sample
    assert sample is not None
    assert sample.images[0].data == (tmp_path / "a.jpg").read_bytes()


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_picture_that_was_changed_since_it_was_opened_is_stored_as_it_is(
    tmp_path: Path, suffix: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / f"a.{suffix}")
    shrunk, painted = (Image.open(tmp_path / f"a.{suffix}") for _ in range(2))
    shrunk.thumbnail((8, 8))
    painted.paste((255, 0, 0), (0, 0, 16, 16))
    data = [{"images": [image], "messages": chat("<image>?", "It.")} for image in (shrunk, painted)]
    found = [decode(row.sample.images[0]) for row in open_dataset(data) if row.sample]
    assert [image.size for image in found] == [(8, 8), (16, 16)]
    assert found[1].getextrema() == ((255, 255), (0, 0), (0, 0))


def test_pictures_in_the_layout_of_print_are_stored(tmp_path: Path) -> None:
    data = {"id": "a", "messages": chat("<image>?", "It.")}
    assert answers([data | {"images": [Image.new("CMYK", (5, 4))]}]) == [("a", "It.", (5, 4))]
    with pytest.raises(DataError, match="convert it to RGB"):
        open_dataset([data | {"images": [Image.new("F", (5, 4))]}])


def test_rows_of_different_fields_and_types_are_kept(tmp_path: Path) -> None:
    first, second = rows(tmp_path, 2)
    data = [first | {"id": 1, "extra": {"a": [1, "b"]}}, second | {"score": float("nan")}]
    found = open_dataset(data, images=tmp_path)
    assert [row.id for row in found] == ["1", "r1"]
    assert found[0].sample is not None
    assert found[0].sample.record["extra"] == {"a": [1, "b"]}
    assert found[-1].sample is not None
    assert found[-1].sample.record["score"] is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6), max_size=4), min_size=1, max_size=6))  # fmt: skip
def test_rows_of_json_values_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    import json

    stored = store_rows(data, tmp_path_factory.mktemp("rows"))
    # A line break inside a text is escaped, so a line is a row.
    lines = stored.read_text(encoding="utf-8", errors="surrogatepass").rstrip("\n").split("\n")
    assert [json.loads(line) for line in lines] == data


def test_rows_before_the_first_image_are_kept_whole(tmp_path: Path) -> None:
    first, second = rows(tmp_path, 2)
    first["images"] = []
    first["messages"] = chat("Tell.", "One line\u2028and\x85another.")
    found = open_dataset([first, second | {"images": [Image.new("RGB", (5, 5))]}])
    assert found[0].sample is not None
    assert found[0].sample.answer == "One line\u2028and\x85another."


def test_the_same_rows_are_stored_once(tmp_path: Path) -> None:
    first = store_rows(rows(tmp_path), tmp_path / "kept")
    assert store_rows(iter(rows(tmp_path)), tmp_path / "kept") == first
    assert store_rows(rows(tmp_path, 3), tmp_path / "kept") != first
    assert len(list((tmp_path / "kept").iterdir())) == 2


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], DataError, "the data has no rows, expected at least one"),
        (pd.DataFrame(), DataError, "no rows"),
        (pa.table({"id": pa.array([], pa.string())}), DataError, "no rows"),
        (5, ConfigError, "the data is an int, expected a path, a datasets.Dataset"),
        ({"id": ["a"]}, ConfigError, "the data is a dict, expected"),
        (["text"], ConfigError, "row 0 is a str, expected a dict of the row's fields"),
        ([{"a": b"x"}, {"a": 1}], DataError, "do not fit one table .* give each field one type in all rows"),
        (datasets.DatasetDict(), ConfigError, "with the splits none"),
    ],
)
def test_other_data_is_refused_in_one_sentence(data: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_dataset(data)


def test_a_dataset_dict_names_its_splits(tmp_path: Path) -> None:
    hub = datasets.Dataset.from_list(rows(tmp_path))
    with pytest.raises(ConfigError, match=r"with the splits train, test, expected one of them"):
        open_dataset(datasets.DatasetDict({"train": hub, "test": hub}))
