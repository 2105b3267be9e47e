import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finegold.errors import ConfigError, DataError
from finegold.samples import open_dataset

TALK = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cat."}]
CHAT = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A cat."}]


@pytest.mark.parametrize(
    ("record", "format"),
    [
        ({"id": 1, "image": "a.jpg", "conversations": TALK}, "llava"),
        ({"image": ["a.jpg", "b.jpg"], "conversations": TALK}, "llava"),
        ({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]}, "llava"),
        ({"images": ["a.jpg"], "conversations": TALK}, "messages"),
        ({"image": "a.jpg", "system": "Be brief.", "conversations": TALK}, "messages"),
        ({"images": ["a.jpg"], "messages": CHAT}, "messages"),
        ({"image": "a.jpg", "conversations": CHAT}, "messages"),
        ({"prompt": CHAT[:1], "completion": CHAT[1:], "images": [{"path": "a.jpg"}]}, "messages"),
        ({"image": "a.jpg", "instruction": "What?", "output": "A cat."}, "messages"),
        ({"image": "a.jpg", "text": "A cat."}, "messages"),
        ({"image_id": 7, "caption": "A cat."}, "minigpt4"),
    ],
)
@pytest.mark.parametrize("layout", ["array", "indented", "lines"])
def test_json_formats_are_told_by_their_records(
    tmp_path: Path, record: Any, format: str, layout: str
) -> None:
    text = {
        "array": json.dumps([record, record]),
        "indented": json.dumps([record, record], indent=2),
        "lines": f"{json.dumps(record)}\n{json.dumps(record)}\n",
    }[layout]
    (tmp_path / "data.json").write_text(text)
    dataset = open_dataset(tmp_path / "data.json")
    assert dataset.format == format
    assert [row.exclusion for row in dataset.rows()] == [None, None]
    if format != "minigpt4":
        assert open_dataset(tmp_path / "data.json", format="messages").format == "messages"


def test_the_first_readable_record_decides(tmp_path: Path) -> None:
    rows = [7, None, {"strange": 1}, {"image": "a.jpg", "conversations": TALK}]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    found = list(open_dataset(tmp_path / "data.json").rows())
    assert [row.exclusion.code if row.exclusion else None for row in found] == ["malformed-row"] * 3 + [None]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b"", "empty"),
        ("a.csv", b"image,question,answer\nx.jpg,What?,A cat.\n", r"read_csv\(\.\.\.\)\.to_parquet"),
        ("a.xlsx", b"PK\x03\x04", r"read_excel\(\.\.\.\)\.to_parquet"),
        ("a.json", b"  \n ", "empty"),
        ("a.json", b"[]", "no records"),
        ("a.json", b"7", "expected an array"),
        ("a.json", b'{"data": []}', "'data'"),
        ("a.json", b'{\n "data": []\n}', "'data'.*annotations"),
        ("a.json", b"[1, 2, 3]", "no objects.*--format"),
        ("a.json", b'[{"question": "a", "reply": "b"}]', "'question', 'reply'.*--format"),
        ("a.json", b'{"annotations": []}', "no records"),
        ("a.json", b"hello, world", "not valid JSON.*line 1"),
        ("a.jsonl", b"hello\nworld\n", "not valid JSON.*line 1"),
        ("a.json", b"[" * 100_000, "cannot be decoded|cut off"),
        ("a.json.gz", b"\x1f\x8b\x08\x00", "gzip"),
        ("a.zip", b"PK\x03\x04", "zip"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "--images"),
        ("a.bin", b"\x00\x01\x02", "binary"),
        ("a.parquet", b"PAR1 and then nothing", "not a whole Parquet"),
        ("a.arrow", b"ARROW1\x00\x00", "save_to_disk"),
    ],
)
def test_what_is_no_dataset_is_explained_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        list(open_dataset(tmp_path / name).rows())
    assert "\n" not in str(error.value)


def test_folders_that_do_not_hold_one_dataset(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing at"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DataError, match="holds no dataset"):
        open_dataset(tmp_path)
    row = json.dumps([{"image": "a.jpg", "conversations": TALK}])
    (tmp_path / "train.json").write_text(row)
    (tmp_path / ".hidden.json").write_text(row)
    (tmp_path / "selection.json").write_text("{}")
    assert open_dataset(tmp_path).count() == 1
    (tmp_path / "test.json").write_text(row)
    with pytest.raises(
        DataError, match=r"several splits.*\(test, train\).*name one of .*test.json, .*train.json"
    ):
        open_dataset(tmp_path)
    (tmp_path / "test.json").rename(tmp_path / "more.json")
    (tmp_path / "train.json").rename(tmp_path / "data.json")
    with pytest.raises(DataError, match=r"2 data files \(data.json, more.json\).*name the file"):
        open_dataset(tmp_path)


def test_options_that_do_not_fit(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps([{"image": "a.jpg", "conversations": TALK}]))
    with pytest.raises(ConfigError, match="'coco'"):
        open_dataset(tmp_path, format="coco")
    with pytest.raises(DataError, match=r"JSON text.*'parquet'"):
        open_dataset(tmp_path, format="parquet")
    with pytest.raises(DataError, match="--images"):
        open_dataset(tmp_path, images=tmp_path / "none")


def test_a_dataset_dict_names_its_splits(tmp_path: Path, write_dataset: Callable[..., Path]) -> None:
    for split in ("train", "test"):
        write_dataset(tmp_path / split, "huggingface", ["a", "b"], ["x", "y"])
        (tmp_path / split / "saved").rename(tmp_path / f"{split}-moved")
        (tmp_path / split).rmdir()
        (tmp_path / f"{split}-moved").rename(tmp_path / split)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(DataError, match=f"{tmp_path / 'test'}, {tmp_path / 'train'}"):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path / "train").count() == 2


def test_patterns_name_shards(tmp_path: Path, write_dataset: Callable[..., Path]) -> None:
    write_dataset(tmp_path / "p", "parquet", list("abcd"), list("wxyz"))
    write_dataset(tmp_path / "t", "webdataset", list("abcd"), list("wxyz"))
    assert [row.id for row in open_dataset(str(tmp_path / "p/*.parquet")).rows()] == list("wxyz")
    assert [row.id for row in open_dataset(str(tmp_path / "t/shard-1*")).rows()] == ["x", "z"]
    with pytest.raises(DataError, match="holds no dataset"):
        open_dataset(str(tmp_path / "*.parquet"))


def test_the_image_folder_is_the_one_that_has_the_images(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    for name, folder in (("a.jpg", "images"), ("images/a.jpg", "."), ("x/a.jpg", "image")):
        case = tmp_path / name.replace("/", "-")
        for made in ("images", "image"):
            (case / made).mkdir(parents=True)
        (case / folder / name).parent.mkdir(exist_ok=True)
        (case / folder / name).write_bytes(picture())
        (case / "data.json").write_text(json.dumps([{"image": name, "conversations": TALK}]))
        assert open_dataset(case).root.folder == (case / folder).resolve()


def test_columns_without_a_known_shape(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": ["a"], "reply": ["b"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="'question', 'reply', expected"):
        open_dataset(tmp_path)


def test_the_pool_of_real_photos_opens(shared: Path) -> None:
    dataset = open_dataset(shared / "data/noisy_pool/pool.json", images=shared / "data/flickr8k/images")
    rows = list(dataset.rows())
    assert (dataset.format, len(rows)) == ("llava", 3439)
    assert all(row.exclusion is None for row in rows)


def test_some_rows_are_the_same_as_among_all(tmp_path: Path) -> None:
    def record(number: int) -> str:
        return json.dumps({"id": str(number), "prompt": "What?", "completion": f"That is {number}."})

    array = tmp_path / "array.json"
    array.write_text(f"[{', '.join(map(record, range(11)))}]")
    (tmp_path / "lines").mkdir()
    lines = [*map(record, range(4)), "", "{broken", *map(record, range(4, 7))]
    (tmp_path / "lines" / "a.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "lines" / "b.jsonl").write_text("\n".join(map(record, range(7, 10))))
    for path in (array, tmp_path / "lines"):
        dataset = open_dataset(path)
        every = list(dataset.rows())
        assert len(every) == 11
        for some in ({0}, {10}, {3, 4, 5, 8, 10}, {4}, {7, 8}, set(range(11)), set[int]()):
            assert list(dataset.rows_at(some)) == [row for row in every if row.index in some]
