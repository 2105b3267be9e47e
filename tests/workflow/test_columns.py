"""Columns that come in by id, and tables that go out."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MakeDataset

from finegold.errors import ConfigError, DataError
from finegold.scorers import make_scorer
from finegold.workflow import Run, SelectionSettings, pick
from finegold.workflow.column_file import ColumnFile
from finegold.workflow.columns import _scores


@pytest.fixture
def opened(make_dataset: MakeDataset, tmp_path: Path) -> Run:
    return Run.open(tmp_path / "run", make_dataset(30))


def ids_of(opened: Run) -> list[str]:
    found: list[str] = opened.rows().table.read(["sample_id"])["sample_id"].to_pylist()
    return found


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_text_may_hold_what_looks_like_a_line_end(opened: Run, tmp_path: Path, ending: str) -> None:
    ids, mood = ids_of(opened), "calm\u2028and\x85dark"
    records = [{"sample_id": key, "mood": mood} for key in ids]
    lines = [json.dumps(one, ensure_ascii=False) for one in records]
    if ending == "csv":
        lines = ["sample_id,mood", *(f'{key},"{mood}"' for key in ids)]
    (tmp_path / f"mine.{ending}").write_text("\n".join(lines))
    found = opened.bring_column(tmp_path / f"mine.{ending}")
    assert (found.kind, found.given, found.unknown) == ("attributes", 30, 0)
    assert set(found.table.read(["value"])["value"].to_pylist()) == {mood}


CELLS = st.one_of(
    st.none(),
    st.floats(allow_infinity=True, allow_nan=True, width=32),
    st.integers(-5, 5),
    st.sampled_from(["", "n/a", "0.5", " 7 ", "nan", "inf", 'Wald, "grün"\nund', "1_0"]),
)


def said(cell: Any) -> tuple[Any, str]:
    """What becomes of a cell, one at a time: a value, and its status."""
    try:
        number = None if cell is None else float(cell)
    except ValueError:
        return None, "failed"
    if number is None or math.isnan(number):
        return None, "skipped"
    return (number, "ok") if math.isfinite(number) else (None, "failed")


@settings(max_examples=40, deadline=None)
@given(cells=st.lists(CELLS, min_size=30, max_size=30), block=st.sampled_from([1, 7, 100]))
def test_a_column_is_the_same_from_every_kind_of_file_and_block_of_it(
    tmp_path_factory: pytest.TempPathFactory, cells: list[Any], block: int
) -> None:
    folder = tmp_path_factory.mktemp("column")
    ids = [f"r{at:04}" for at in range(30)]
    shown = [cell or None if isinstance(cell, str) else cell for cell in cells]  # an empty cell is nothing
    (folder / "a.jsonl").write_text(
        "".join(json.dumps({"id": key, "v": cell}) + "\n" for key, cell in zip(ids, shown, strict=True))
    )
    with (folder / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "v"), *zip(ids, cells, strict=True)])
    numbers = [cell for cell in shown if not isinstance(cell, str)]
    files = ["a.jsonl", "a.csv"]
    if len(numbers) == len(shown):
        floats = [None if cell is None else float(cell) for cell in numbers]
        pq.write_table(pa.table({"id": ids, "v": pa.array(floats, pa.float64())}), folder / "a.parquet")
        files.append("a.parquet")
    for name in files:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("finegold.workflow.column_file.BLOCK", block)
            found_ids, found = ColumnFile(folder / name).read("id", "v")
        assert list(found_ids) == ids
        assert found.is_value.tolist() == [said(cell)[1] != "skipped" for cell in shown]
        told = [said(cell) for cell in shown]
        assert list(_scores(found, "none")["value"].to_pylist()) == [one[0] for one in told]
        assert _scores(found, "none")["status"].to_pylist() == [one[1] for one in told]


def test_scores_from_elsewhere_count_like_any_other(opened: Run, tmp_path: Path) -> None:
    ids = ids_of(opened)
    lines = [f"{key},{number / 10}" for number, key in enumerate(ids)]
    lines[3], lines[4] = f"{ids[3]},", f"{ids[4]},n/a"
    (tmp_path / "mine.csv").write_text("\n".join(["sample_id,taste", *lines[:-1], "nobody,1"]))
    found = opened.bring_column(tmp_path / "mine.csv")
    assert (found.name, found.kind, found.given, found.missing, found.unknown) == (
        "taste",
        "scores",
        28,
        2,
        1,
    )
    parameters = found.table.parameters["parameters"]
    assert parameters["file"] == "mine.csv"
    assert parameters["column"] == "taste"
    assert len(parameters["sha256"]) == 64
    rows = {row["sample_id"]: row for row in found.table.read().to_pylist()}
    assert rows[ids[3]]["status"] == rows[ids[29]]["status"] == "skipped"
    assert (rows[ids[4]]["status"], rows[ids[4]]["value"]) == ("failed", None)
    assert "'n/a' is no finite number" in rows[ids[4]]["reason"]
    for where, weights in (("taste > 2.05", None), (None, {"taste": 1.0})):
        settings = SelectionSettings.of("no-clusters" if weights else "random", 5, weights, where=where)
        chosen = opened.pick(settings)
        assert set(chosen.ids) <= set(ids[21:29])
        assert (
            next(s for s in chosen.manifest.configuration.scorers if s.name == "taste").parameters
            == parameters
        )
    (tmp_path / "mine.csv").write_text("\n".join(["sample_id,taste", f"{ids[0]},5"]))
    assert opened.bring_column(tmp_path / "mine.csv").table.fingerprint != found.table.fingerprint
    with pytest.raises(ConfigError, match="2 score tables of 'taste'"):
        opened.pick(SelectionSettings.of("random", 5, where="taste > 1"))


def test_texts_become_attributes_with_their_provenance(opened: Run, tmp_path: Path) -> None:
    ids = ids_of(opened)
    records = [{"id": key, "topic": "sea" if at < 10 else "land", "n": at} for at, key in enumerate(ids)]
    (tmp_path / "topics.jsonl").write_text("\n".join(map(json.dumps, records)))
    found = opened.bring_column(tmp_path / "topics.jsonl", "topic")
    assert found.kind == "attributes"
    grouped = opened.pick(SelectionSettings.of("random", 6, group_by="topic", mixture="sea=0.5,land=0.5"))
    assert sum(key in ids[:10] for key in grouped.ids) == 3
    filtered = opened.pick(SelectionSettings.of("random", 6, where="topic == 'sea'"))
    assert set(filtered.ids) <= set(ids[:10])
    for one in (grouped, filtered):
        (origin,) = one.manifest.configuration.attributes
        assert (origin["name"], origin["file"], origin["column"]) == ("topic", "topics.jsonl", "topic")


def test_embeddings_from_elsewhere_are_clustered(opened: Run, tmp_path: Path) -> None:
    ids = ids_of(opened)
    vectors = [[float(at % 3 == axis) + at / 1000 for axis in range(3)] for at in range(len(ids))]
    pq.write_table(pa.table({"sample_id": ids, "vector": vectors}), tmp_path / "vectors.parquet")
    found = opened.bring_column(tmp_path / "vectors.parquet", name="my-encoder")
    assert (found.kind, found.given) == ("embeddings", 30)
    again = Run.open(tmp_path / "run", encoder="my-encoder")
    chosen = again.pick(SelectionSettings.of("k-center", 3, {"length": 1.0}))
    assert sorted(ids.index(key) % 3 for key in chosen.ids) == [0, 1, 2]
    assert chosen.manifest.configuration.encoder is not None
    assert chosen.manifest.configuration.encoder["file"] == "vectors.parquet"


def test_embeddings_may_be_lists_of_any_kind_but_of_one_length_and_finite(
    opened: Run, tmp_path: Path
) -> None:
    ids = ids_of(opened)
    vectors: list[Any] = [None if at == 3 else [at, at / 2] for at in range(len(ids))]
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"id": key, "v": one}) + "\n" for key, one in zip(ids, vectors, strict=True))
    )
    pq.write_table(
        pa.table({"id": ids, "v": pa.array(vectors, pa.list_(pa.float16(), 2))}), tmp_path / "a.parquet"
    )
    first, second = (
        opened.bring_column(tmp_path / name, name=name.replace(".", "-")).table.read()
        for name in ("a.jsonl", "a.parquet")
    )
    assert [str(one) for one in first["embedding"].to_pylist()] == [
        str(one) for one in second["embedding"].to_pylist()
    ]
    assert first["embedding"].to_pylist()[4] == [4.0, 2.0]
    assert [one is not None for one in first["reason"].to_pylist()] == [at == 3 for at in range(len(ids))]
    for odd in ([1], [1, "x"], [1, None], [1, math.inf], []):
        vectors[5] = odd
        (tmp_path / "odd.jsonl").write_text(
            "".join(json.dumps({"id": key, "v": one}) + "\n" for key, one in zip(ids, vectors, strict=True))
        )
        with pytest.raises(
            DataError, match=f"the embedding of id '{ids[5]}' in odd.jsonl is no list of 2 finite"
        ):
            opened.bring_column(tmp_path / "odd.jsonl")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "name,x\n1,2\n", "expected one of ids"),
        ("a.csv", "", "is empty, expected a column sample_id"),
        ("a.csv", "sample_id,x,y\n1,2,3\n", "name one as FILE:COLUMN"),
        ("a.csv", "sample_id\n1\n", "name one as FILE:COLUMN"),
        ("a.csv", "sample_id,kind\n1,2\n", "cannot be called 'kind'"),
        ("a.csv", "sample_id,x\n1,2\n1,3\n", "2 rows of id '1'"),
        ("a.csv", "sample_id,x\nnobody,2\n", "no id of"),
        ("a.jsonl", '{"sample_id": "1", "x": 2}\n{', "cannot be read .line 2 is no JSON"),
        ("a.jsonl", "[1]", "no JSON object"),
        ("a.parquet", "PAR1", "cannot be read"),
    ],
)
def test_a_file_that_brings_nothing_is_explained(
    opened: Run, tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises((ConfigError, DataError), match=words):
        opened.bring_column(tmp_path / name)


def test_all_rows_are_exported_with_one_column_an_indicator(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(30)
    rows = json.loads(data.read_text())
    rows[4]["image"] = "nowhere.png"
    data.write_text(json.dumps(rows))
    selection = pick(data, 5, run=tmp_path / "run", preset="length-only")
    opened = Run.open(tmp_path / "run")
    opened.score(make_scorer("detail"))
    opened.export(tmp_path / "all.parquet")
    opened.export(tmp_path / "all.csv")
    table = pq.read_table(tmp_path / "all.parquet").to_pylist()
    assert len(table) == 30
    assert {"sample_id", "source", "kind", "code", "reason", "length", "detail"} <= set(table[0])
    assert table[4]["code"] == "missing-image"
    assert table[4]["length"] is None
    assert "nowhere.png" in table[4]["reason"]
    lengths = {row["sample_id"]: row["length"] for row in selection.table.to_pylist()}
    assert {row["sample_id"]: row["length"] for row in table} == lengths
    with (tmp_path / "all.csv").open(newline="") as file:
        lines: list[dict[str, Any]] = list(csv.DictReader(file))
    assert [line["sample_id"] for line in lines] == [row["sample_id"] for row in table]
    chosen = opened.export(tmp_path / "chosen.csv", "selection", "csv")
    assert chosen.equals(selection.table)
    pick(data, 6, run=tmp_path / "run", preset="length-only")
    with pytest.raises(ConfigError, match="has 2 selections: name one with --selection"):
        opened.export(tmp_path / "chosen.csv", "selection", "csv")


def test_an_export_makes_its_folder_and_refuses_what_it_cannot_write(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    chosen = pick(make_dataset(6), 2, run=tmp_path / "run", preset="length-only")
    opened = Run.open(chosen.run.path)
    assert len(opened.export(tmp_path / "new/folder/rows.csv")) == 6
    assert (tmp_path / "new/folder/rows.csv").read_text().count("\n") == 7
    with pytest.raises(ConfigError, match=r"ends in '\.xlsx', expected \.csv or \.parquet"):
        opened.export(tmp_path / "rows.xlsx")
    with pytest.raises(ConfigError, match=r"no table 'selektion' \(did you mean 'selection'\?\)"):
        opened.export(tmp_path / "rows.csv", "selektion")  # type: ignore[arg-type]  # what a typo gives
    assert not list(tmp_path.glob("rows.*"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"sample_id,v,v\r\nr0000,1,2\r\n", "it has 2 columns 'v'"),
        ("a.csv", b"sample_id,v\r\nr0000,1,2\r\n", "row 1 has more cells than the first line names"),
        ("a.csv", b"sample_id,v\nr0000,nan\n", "the column 'v' of .* has no value"),
        ("a.csv", b"sample_id,v\n", "the column 'v' of .* has no value"),
        ("a.jsonl", b'{"id": "r0000", "v": ' + b"[" * 9000 + b"]" * 9000 + b"}", "cannot be read"),
        ("a.jsonl", b'{"id": "r0000", "v": {"x": 1}}', "holds objects, or lists beside other values"),
        ("a.jsonl", b'{"id": "r0000", "v": [1]}\n{"id": "r0001", "v": 1}', "lists beside other values"),
    ],
)
def test_a_damaged_file_brings_nothing(
    opened: Run, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((ConfigError, DataError), match=message):
        opened.bring_column(tmp_path / name, "v")


def test_ids_that_a_table_holds_as_numbers_are_found(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(4)
    records = json.loads(data.read_text())
    data.write_text(json.dumps([one | {"id": number} for number, one in enumerate(records)]))
    run = Run.open(tmp_path / "run", data)
    # As pandas has ids of which one is missing.
    pq.write_table(pa.table({"id": [0.0, 1.0, None, 3.0], "v": [1.0, 2.0, 3.0, 4.0]}), tmp_path / "a.parquet")
    found = run.bring_column(tmp_path / "a.parquet")
    assert (found.given, found.missing, found.unknown) == (3, 1, 0)
    (tmp_path / "a.json").write_text('[{"id": 0, "w": 1}, {"id": "1", "w": 2}]')
    assert run.bring_column(tmp_path / "a.json").given == 2
