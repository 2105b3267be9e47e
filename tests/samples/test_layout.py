"""A folder is one dataset and one split, wherever its files lie."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finegold.errors import DataError
from finegold.samples import open_dataset


def made(path: Path, *names: str) -> None:
    """A file with one text-only row a name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"id": name, "prompt": "What?", "completion": f"A {name}."} for name in names]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps(rows))


def ids(path: Path | str) -> list[str]:
    return [row.id for row in open_dataset(path).rows()]


@pytest.mark.parametrize(
    "files",
    [
        ["part-0.jsonl", "part-1.jsonl"],
        ["a.jsonl", "b.jsonl"],
        ["rows_0.json", "rows_1.json"],
        ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
        ["data/0.jsonl", "data/1.jsonl"],
        ["deep/er/0000.parquet", "deep/er/0001.parquet"],
    ],
)
def test_shards_are_one_dataset_and_are_written_back(tmp_path: Path, files: list[str]) -> None:
    made(tmp_path / "in" / files[0], "a", "b")
    made(tmp_path / "in" / files[1], "c", "d", "e")
    (tmp_path / "in/README.md").write_text("# Cats\n")
    data = open_dataset(tmp_path / "in")
    rows = list(data.rows())
    assert [row.id for row in rows] == ["a", "b", "c", "d", "e"]
    assert data.count() == 5
    for start in range(6):
        assert list(data.rows(start)) == rows[start:]
    (tmp_path / "out").mkdir()
    data.write(tmp_path / "out", [1, 3, 4])
    again = list(open_dataset(tmp_path / "out").rows())[2].sample
    assert again is not None
    assert rows[4].sample is not None
    assert (again.record, again.turns) == (rows[4].sample.record, rows[4].sample.turns)
    assert ids(tmp_path / "out") == ["b", "d", "e"]


@pytest.mark.parametrize(
    "files",
    [
        ["train-00000-of-00001.parquet", "test-00000-of-00001.parquet"],
        ["data/train.jsonl", "data/validation.jsonl"],
        ["train/0.parquet", "test/0.parquet"],
        ["train_sft-00000-of-00001.parquet", "train_gen-00000-of-00001.parquet"],
        ["part-0.parquet", "part-1.parquet", "dev.parquet"],
        ["cats/train-00000-of-00001.parquet", "dogs/train-00000-of-00001.parquet"],
        ["my.train.tar", "my.val.tar"],
    ],
)
def test_splits_are_asked_for(tmp_path: Path, files: list[str]) -> None:
    for number, name in enumerate(files):
        if name.endswith(".tar"):
            (tmp_path / name).write_bytes(b"")
        else:
            made(tmp_path / name, str(number))
    with pytest.raises(DataError, match=r"several splits or configurations.*name one of") as error:
        open_dataset(tmp_path)
    if not files[0].endswith(".tar"):
        ways = str(error.value).partition("name one of ")[2].split(", ")
        assert sorted(n for way in ways for n in ids(way)) == [str(n) for n in range(len(files))]


def test_a_pattern_does_not_mix_splits_either(tmp_path: Path) -> None:
    for name in ("train-0.jsonl", "train-1.jsonl", "test-0.jsonl"):
        made(tmp_path / name, name)
    with pytest.raises(DataError, match="several splits"):
        open_dataset(str(tmp_path / "*.jsonl"))
    assert ids(str(tmp_path / "train-*.jsonl")) == ["train-0.jsonl", "train-1.jsonl"]


def test_the_front_matter_of_a_repository_names_its_files(tmp_path: Path) -> None:
    made(tmp_path / "one.jsonl", "a")
    made(tmp_path / "two.jsonl", "b")
    made(tmp_path / "unused/three.jsonl", "c")
    head = "---\nlicense: mit\nconfigs:\n- config_name: default\n  data_files:\n"
    readme = tmp_path / "README.md"
    readme.write_text(f"{head}  - split: train\n    path: one.jsonl\n---\n# Cats")
    assert ids(tmp_path) == ["a"]
    readme.write_text(f"{head}  - split: train\n    path:\n    - one.jsonl\n    - 'two.jsonl'\n---\n# Cats")
    assert ids(tmp_path) == ["a", "b"]
    readme.write_text(f"{head}  - split: train\n    path: one.jsonl\n  - split: test\n    path: two*\n---\n")
    with pytest.raises(DataError, match=r"\(train, test\).*one.jsonl"):
        open_dataset(tmp_path)
    readme.write_text(f"{head}  - split: train\n    path: ../../etc/*\n---\n")
    assert ids(tmp_path) == ["a", "b"]
    readme.write_text(f"{head}  - split: train\n    path: un**/**\n---\n")
    assert ids(tmp_path) == ["c"]


@pytest.mark.parametrize("pattern", ['["", ""]', "[]", "a**", "data/**.parquet", "a\0b", "[a", "x" * 5000])
def test_a_pattern_of_the_front_matter_that_names_nothing_is_passed_over(
    tmp_path: Path, pattern: str
) -> None:
    made(tmp_path / "one.jsonl", "a")
    head = "---\nconfigs:\n- config_name: default\n  data_files:\n"
    (tmp_path / "README.md").write_text(f"{head}  - split: train\n    path: {pattern}\n---\n")
    assert ids(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", "train"),
        ("dev", "dev"),
        ("val", "val"),
        ("validation", "dev val"),
        ("valid", "dev val"),
        ("test", "test"),
        ("Dev", "dev"),
    ],
)
def test_splits_have_the_names_that_datasets_knows(tmp_path: Path, split: str, expected: str) -> None:
    for name in ("train", "dev", "val", "test"):
        made(tmp_path / f"{name}.jsonl", name)
    assert [row.id for row in open_dataset(tmp_path, split=split)] == expected.split()
    with pytest.raises(
        DataError, match="no split or configuration 'extra', expected one of validation, test, train"
    ):
        open_dataset(tmp_path, split="extra")


def test_files_of_no_split_are_the_training_data(tmp_path: Path) -> None:
    made(tmp_path / "rows.jsonl", "a")
    made(tmp_path / "more/en/rows.parquet", "b")
    assert [row.id for row in open_dataset(tmp_path, split="train")] == ["a"]
    for split in ("train", "en", "en/train"):
        assert [row.id for row in open_dataset(tmp_path / "more", split=split)] == ["b"]
    with pytest.raises(DataError, match="no split or configuration 'dev', expected one of train"):
        open_dataset(tmp_path, split="dev")


def test_lines_that_are_named_for_a_split_are_found_in_folders_of_configurations(tmp_path: Path) -> None:
    for language in ("en", "fr"):
        for name in ("train", "test"):
            made(tmp_path / language / f"{name}.jsonl", f"{language} {name}")
    made(tmp_path / "en/notes.jsonl", "no split")
    assert [row.id for row in open_dataset(tmp_path, split="en/train")] == ["en train"]
    assert [row.id for row in open_dataset(tmp_path, split="fr/test")] == ["fr test"]
    with pytest.raises(DataError, match="holds several splits or configurations"):
        open_dataset(tmp_path)
