import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finegold.errors import ConfigError, DataError
from finegold.run import RunFolder
from finegold.samples import Dataset, open_dataset
from finegold.samples.check import check
from finegold.samples.repeats import Repeats
from finegold.samples.step import ingest

Picture = Callable[..., bytes]


@pytest.fixture
def mix(tmp_path: Path, picture: Picture) -> Path:
    """Four sources in four formats that share ids, beside a file that names them."""
    folder = tmp_path / "mix"
    for name in ("llava/pictures", "minigpt4/image", "table"):
        (folder / name).mkdir(parents=True)
    for seed in range(3):
        (folder / f"llava/pictures/{seed}.jpg").write_bytes(picture(seed))
        (folder / f"minigpt4/image/{seed}.jpg").write_bytes(picture(10 + seed))
    turns = [
        {"from": "human", "value": "<image>\nIs it red?"},
        {"from": "gpt", "value": "No"},
    ]
    rows: list[Any] = [{"id": str(n), "image": f"{n}.jpg", "conversations": turns} for n in range(3)]
    (folder / "llava/data.json").write_text(json.dumps([*rows, {"id": "9"}]))
    captions = [{"image_id": str(n), "caption": f"A picture, number {n}."} for n in range(3)]
    (folder / "minigpt4/filter_cap.json").write_text(json.dumps({"annotations": captions}))
    table = {
        "id": ["0", "1"],
        "image": [{"bytes": picture(20 + n), "path": "0.jpg"} for n in range(2)],
        "caption": ["A plain square.", "Another square."],
    }
    pq.write_table(pa.table(table), folder / "table/train-0.parquet")
    pq.write_table(pa.table(table), folder / "table/test-0.parquet")
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for name, data in (("0.jpg", picture(30)), ("0.txt", b"A square in a tar file.")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    file = folder / "mix.toml"
    file.write_text(
        """
        [[sources]]
        name = "vqa"
        path = "llava/data.json"
        images = "llava/pictures"

        [[sources]]
        name = "captions"
        path = "minigpt4"

        [[sources]]
        name = "table"
        path = "table"
        split = "train"
        instruction = "Name it."

        [[sources]]
        name = "shard"
        path = "shard.tar"
        """
    )
    return file


def contents(dataset: Dataset) -> dict[str, Any]:
    judged = map(Repeats().judge, map(check, dataset.rows()))
    return {
        one.row.id: (one.row.sample.turns, one.row.sample.source, one.row.sample.record, one.content_hash)
        for one in judged
        if one.row.sample is not None
    }


def test_the_rows_of_every_source_have_ids_of_their_own(mix: Path) -> None:
    dataset = open_dataset(mix)
    rows = list(dataset.rows())
    assert [row.id for row in rows] == [
        *("vqa/0", "vqa/1", "vqa/2", "vqa/9"),
        *("captions/0", "captions/1", "captions/2", "table/0", "table/1", "shard/0"),
    ]
    assert [row.index for row in rows] == list(range(10))
    assert dataset.count() == 10
    assert [row.index for row in rows if row.exclusion] == [3]
    assert {row.sample.source for row in rows if row.sample} == {"vqa", "captions", "table", "shard"}
    assert rows[3].place == "vqa: data.json record 4"
    table = rows[7].sample
    assert table is not None
    assert table.instruction == "Name it."
    for start in range(11):
        assert [row.id for row in dataset.rows(start)] == [row.id for row in rows[start:]]
    assert [row.id for row in dataset.rows_at({2, 4, 9})] == ["vqa/2", "captions/0", "shard/0"]
    assert open_dataset(mix.parent).count() == 10


def test_a_subset_is_written_source_by_source_and_reads_back_the_same(mix: Path, tmp_path: Path) -> None:
    dataset = open_dataset(mix)
    whole = contents(dataset)
    out = tmp_path / "out"
    out.mkdir()
    subset = dataset.write(out, [9, 1, 5, 8])
    assert (subset.rows, subset.files) == (4, 2)
    assert {path.name for path in out.iterdir()} == dataset.written_names()
    kept = contents(open_dataset(subset.data))
    assert set(kept) == {"vqa/1", "captions/1", "table/1", "shard/0"}
    assert kept == {key: whole[key] for key in kept}
    assert [type(part).__name__ for part in open_dataset(out).parts] == [
        *("LlavaDataset", "MiniGPT4Dataset", "ParquetDataset", "WebDataset"),
    ]
    again = tmp_path / "again"
    again.mkdir()
    assert open_dataset(out).write(again, [0]).rows == 1
    assert {path.name for path in again.iterdir()} == {"mix.toml", "vqa"}
    with pytest.raises(DataError, match="distinct"):
        dataset.write(again, [10])


def test_a_changed_image_of_a_source_is_read_again(mix: Path, tmp_path: Path, picture: Picture) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    first = ingest(run, open_dataset(mix)).read().to_pylist()
    assert [row["kind"] for row in first[:4]] == ["yes-no"] * 3 + [None]
    (mix.parent / "llava/pictures/1.jpg").write_bytes(picture(99, "JPEG", (40, 30)))
    second = ingest(run, open_dataset(mix)).read().to_pylist()
    changed = [one["row"] for one, other in zip(first, second, strict=True) if one != other]
    assert changed == [1]


def source(**fields: Any) -> str:
    return "[[sources]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds nothing, expected"),
        ("name = 'x'", "holds 'name'.*, expected .*sources"),
        ("sources = 3", "a wrong 'sources'"),
        ("sources = [3]", "a wrong source 1"),
        ('[[source]]\nname = "a"\npath = "shard.tar"', "did you mean 'sources'"),
        (source(name="a"), "has no 'path' in source 1"),
        (source(name="a", path=3), "a wrong 'path' in source 1"),
        (source(name="a", pth="x"), r"the field 'pth' \(did you mean 'path'\?\) in source 1"),
        (source(name="a", path="shard.tar") + "columns = {qestion = 'x'}", "did you mean 'question'"),
        (source(name="a/b", path="shard.tar"), "expected a name of letters"),
        (source(name="a", path="shard.tar", weigth=1), "weigth"),
        (source(name="a", path="shard.tar") + source(name="A", path="shard.tar"), "expected each name once"),
        (
            source(name="a", path="shard.tar", weight=1) + source(name="b", path="shard.tar"),
            "weights for some",
        ),
        (source(name="a", path="shard.tar", weight=-1), "expected 0 or more"),
        (source(name="a", path="none.json"), "the source 'a': there is nothing at"),
        (source(name="a", path="mix.toml"), "a file of sources itself"),
        (source(name="a", path="table", split="dev"), "no split or configuration 'dev'"),
        (source(name="a", path="shard.tar", format="llava"), "the source 'a'"),
    ],
)
def test_a_fault_in_the_file_is_named(mix: Path, text: str, said: str) -> None:
    mix.with_name("other.toml").write_text(text)
    with pytest.raises((DataError, ConfigError), match=said) as raised:
        open_dataset(mix.with_name("other.toml"))
    assert "other.toml" in str(raised.value)


def test_links_are_followed_where_they_may_be(mix: Path, tmp_path: Path) -> None:
    image = mix.parent / "llava/pictures/1.jpg"
    image.rename(tmp_path / "1.jpg")
    image.symlink_to(tmp_path / "1.jpg")
    for allowed, usable in ((None, False), (tmp_path, True)):
        row = list(open_dataset(mix, allow_links=allowed))[1]
        assert (row.sample is not None) == usable


def test_images_are_named_in_the_file(mix: Path) -> None:
    with pytest.raises(ConfigError, match="omit --images"):
        open_dataset(mix, images=mix.parent)


@pytest.mark.parametrize("columns", ['"question=ask,answer=reply"', '{ question = "ask", answer = "reply" }'])
def test_sources_may_have_fields_of_other_names_or_stand_in_a_dataset_info(
    tmp_path: Path, columns: str
) -> None:
    asked = [{"ask": f"What is {n}?", "reply": f"Thing {n}."} for n in range(3)]
    told = [{"instruction": f"Say {n}.", "output": f"Number {n}."} for n in range(3)]
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    (tmp_path / "told.json").write_text(json.dumps(told))
    (tmp_path / "dataset_info.json").write_text(
        json.dumps({"told": {"file_name": "told.json"}, "other": {"file_name": "x.json"}})
    )
    mix = tmp_path / "mix.toml"
    mix.write_text(
        f'[[sources]]\nname = "a"\npath = "asked.json"\ncolumns = {columns}\n'
        '[[sources]]\nname = "b"\npath = ".#told"\n'
    )
    data = open_dataset(mix)
    answers = [row.sample and row.sample.answer for row in data]
    assert answers == ["Thing 0.", "Thing 1.", "Thing 2.", "Number 0.", "Number 1.", "Number 2."]
    (tmp_path / "out").mkdir()
    data.write(tmp_path / "out", [1, 4, 5])
    again = [row.sample and row.sample.answer for row in open_dataset(tmp_path / "out")]
    assert again == ["Thing 1.", "Number 1.", "Number 2."]
    assert list(json.loads((tmp_path / "out/b/dataset_info.json").read_text())) == ["told"]
    mix.write_text('[[sources]]\nname = "a"\npath = "asked.json"\ncolumns = "question=aske"\n')
    with pytest.raises(DataError, match=r"the source 'a': .*no field 'aske' \(did you mean 'ask'\?\)"):
        open_dataset(mix)


@pytest.mark.parametrize("path", ["mix.toml", ".", "other.toml"])
def test_a_mix_among_the_sources_of_a_mix_is_refused_in_a_sentence(tmp_path: Path, path: str) -> None:
    for name, source in (("mix", path), ("other", "mix.toml")):
        (tmp_path / f"{name}.toml").write_text(f'[[sources]]\nname = "one"\npath = "{source}"\n')
    with pytest.raises(DataError, match="is a file of sources itself: name its sources here"):
        open_dataset(tmp_path / "mix.toml")
