"""Fields of other names are mapped: `--columns question=prompt,answer=response,image=photo`."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.samples.conftest import picture

import finegold
from finegold.errors import ConfigError, DataError
from finegold.samples import Sample, Turn, open_dataset
from finegold.samples.exclusions import RowError
from finegold.samples.reading import read_map
from finegold.samples.records import parse_record
from finegold.workflow import DataSource, replay

PAIRS = "question=ask,answer=reply,image=photo,id=uid"


def rows(count: int = 4) -> list[dict[str, Any]]:
    return [
        {
            "uid": f"ü{number}",
            "ask": f"What is {number}?",
            "reply": f"It is picture {'very ' * number}{number}.",
            "photo": f"{number}.jpg",
            "meta": {"long answer": f"A long answer {number}.", "a.b": "inside"},
            "comma,field": f"with a comma {number}",
        }
        for number in range(count)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number in range(4):
        (tmp_path / f"photos/{number}.jpg").write_bytes(picture(number))
    (tmp_path / "rows.json").write_text(json.dumps(rows()), encoding="utf-8")
    return tmp_path


def first(data: Path, columns: Any, **options: Any) -> Sample:
    found = open_dataset(data, images=data.parent / "photos", columns=columns, **options)[0].sample
    assert found is not None
    return found


def test_a_question_an_answer_an_image_and_an_id_are_read_from_the_fields_that_are_named(
    folder: Path,
) -> None:
    sample = first(folder / "rows.json", PAIRS)
    assert sample.id == "ü0"
    assert sample.turns == (Turn("user", "<image>\nWhat is 0?"), Turn("assistant", "It is picture 0."))
    assert [image.name for image in sample.images] == ["0.jpg"]
    assert sample.record == rows()[0]
    assert (
        first(folder / "rows.json", {"question": "ask", "answer": "reply", "image": "photo"}).turns
        == sample.turns
    )


def test_the_fields_of_a_tar_file_and_of_a_saved_dataset_are_mapped(tmp_path: Path) -> None:
    def members(number: int) -> dict[str, bytes]:
        described = {"ask": f"What is {number}?", "reply": f"Thing {number}.", "pic": f"{number}.a.jpg"}
        return {"a.jpg": picture(number), "b.jpg": picture(9), "json": json.dumps(described).encode()}

    with tarfile.open(tmp_path / "rows.tar", "w") as tar:
        for number in range(4):
            for extension, content in members(number).items():
                if (number, extension) != (3, "b.jpg"):
                    found = tarfile.TarInfo(f"{number}.{extension}")
                    found.size = len(content)
                    tar.addfile(found, io.BytesIO(content))
    features = datasets.Features(
        {"ask": datasets.Value("string"), "reply": datasets.Value("string"), "pic": datasets.Image()}
    )
    saved = [
        {"ask": f"What is {n}?", "reply": f"Thing {n}.", "pic": {"bytes": picture(n), "path": None}}
        for n in range(4)
    ]
    datasets.Dataset.from_list(saved, features=features).save_to_disk(tmp_path / "saved")
    for data, image, names in (
        ("rows.tar", "pic", ["0.a.jpg"]),
        ("rows.tar", "b.jpg", ["0.b.jpg"]),
        ("saved", "pic", [""]),
    ):
        columns = f"question=ask,answer=reply,image={image}"
        opened = open_dataset(tmp_path / data, columns=columns)
        sample = opened[0].sample
        assert sample is not None
        assert [turn.text for turn in sample.turns] == ["<image>\nWhat is 0?", "Thing 0."]
        assert [one.name for one in sample.images] == names
        out = tmp_path / f"{data}-{image}"
        chosen = finegold.pick(opened, 2, out, preset="length-only")
        again = open_dataset(out)
        assert sorted(row.id for row in again) == sorted(chosen.ids)
        assert not replay(out / "selection.json", str(tmp_path / data)).differences
        if image == "b.jpg":
            assert finegold.inspect(opened).codes == {"unread-image": 1}
    with pytest.raises(DataError, match=r"no field 'c.jpg'.* its fields are 'a.jpg', 'b.jpg', 'ask'"):
        open_dataset(tmp_path / "rows.tar", columns="answer=reply,image=c.jpg")


@pytest.mark.parametrize(
    ("columns", "answer"),
    [
        ("question=ask,answer=meta.long answer,image=photo", "A long answer 0."),
        ('question=ask,"answer=comma,field",image=photo', "with a comma 0"),
        (" question = ask , answer = reply , image = photo ", "It is picture 0."),
        ("answer=reply,image=photo", "It is picture 0."),
        ("prompt=ask,response=reply,images=photo", "It is picture 0."),
    ],
)
def test_a_field_may_be_nested_or_hold_a_comma(folder: Path, columns: str, answer: str) -> None:
    assert first(folder / "rows.json", columns).answer == answer


def test_an_answer_alone_is_a_caption(folder: Path) -> None:
    sample = first(folder / "rows.json", "answer=reply,image=photo", instruction="Say what you see.")
    assert sample.instruction == "Say what you see."


def test_what_is_not_mapped_keeps_its_usual_name(folder: Path) -> None:
    record = {"prompt": "What?", "completion": "A dog.", "image": "gone.jpg", "photo": "1.jpg"}
    (folder / "usual.jsonl").write_text(json.dumps(record) + "\n")
    sample = first(folder / "usual.jsonl", "image=photo")
    assert sample.answer == "A dog."
    assert [image.name for image in sample.images] == ["1.jpg"]
    below = record | {"more": "Be short.", "chat": [["Hello", "Hi"]], "rules": "Be kind."}
    (folder / "below.jsonl").write_text(json.dumps(below) + "\n")
    sample = first(
        folder / "below.jsonl",
        "image=photo,question=prompt,answer=completion,input=more,history=chat,system=rules",
    )
    assert [turn.role for turn in sample.turns] == ["system", "user", "assistant", "user", "assistant"]
    assert sample.turns[3].text == "What?\nBe short."


def test_turns_are_read_by_the_names_of_their_fields_and_roles(folder: Path) -> None:
    chat = [
        {"who": "rules", "says": "Be kind."},
        {"who": "Mensch", "says": "<image>\nWhat?"},
        {"who": "Maschine", "says": "A dog."},
    ]
    (folder / "chat.jsonl").write_text(json.dumps({"talk": chat, "photo": "1.jpg"}) + "\n")
    columns = "turns=talk,role=who,text=says,image=photo,user_role=Mensch,assistant_role=Maschine"
    sample = first(folder / "chat.jsonl", f"{columns},system_role=rules")
    assert [(turn.role, turn.text) for turn in sample.turns] == [
        ("system", "Be kind."),
        ("user", "<image>\nWhat?"),
        ("assistant", "A dog."),
    ]
    (row,) = open_dataset(folder / "chat.jsonl", images=folder / "photos", columns=columns)
    assert row.exclusion is not None
    assert "turn 1 of 'talk' is by 'rules'" in row.exclusion.reason
    with pytest.raises(DataError, match=r"a turn of chat.jsonl has no field 'say' \(did you mean 'says'\?\)"):
        open_dataset(folder / "chat.jsonl", columns="turns=talk,role=who,text=say")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("question=askk,answer=reply", r"no field 'askk' \(did you mean 'ask'\?\), which --columns names"),
        (
            "question=ask,answer=REPLY",
            r"no field 'REPLY' \(did you mean 'reply'\?\).*its fields are 'uid', 'ask'",
        ),
        ("answer=meta.none", "no field 'meta.none'"),
        ("qestion=ask", r"maps 'qestion' \(did you mean 'question'\?\), expected one of id, image"),
        ("question", "has 'question', expected NAME=FIELD"),
        ("", "maps nothing"),
        (" , ", "maps nothing"),
        ("question=", "to '', expected the name of a field"),
        ("question=ask,prompt=ask", "maps 'question' twice"),
        ("turns=meta,question=ask", "a list of turns and 'question', expected one of them"),
        ('{"formatting": "alpaca"}', "is no map of dataset_info.json"),
        ("{", "is no map of dataset_info.json"),
    ],
)
def test_a_wrong_map_is_named_with_what_is_there(folder: Path, columns: str, message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        open_dataset(folder / "rows.json", images=folder / "photos", columns=columns)


def test_bad_rows_are_excluded_by_the_name_of_their_field(folder: Path) -> None:
    records: list[Any] = [
        {"ask": None, "reply": "x", "photo": "0.jpg"},
        {"ask": "q", "reply": 3, "photo": "0.jpg"},
        {"ask": "q", "photo": "0.jpg"},
        {"ask": "q", "reply": "x", "photo": {"a": 1}},
        {"ask": "q", "reply": "x", "photo": None, "picture": "0.jpg"},
        ["no", "object"],
    ]
    (folder / "bad.json").write_text(json.dumps(records))
    data = open_dataset(
        folder / "bad.json", images=folder / "photos", columns="question=ask,answer=reply,image=photo"
    )
    found = [row.exclusion for row in data]
    assert [one and one.code for one in found] == [
        "malformed-row",
        "malformed-row",
        "empty-answer",
        "malformed-row",
        "unread-image",
        "malformed-row",
    ]
    for word, one in zip(("'ask'", "'reply'", "'reply'", "'photo'"), found, strict=False):
        assert one is not None
        assert word in one.reason


def test_every_table_is_mapped_and_its_subset_opens_by_itself(folder: Path) -> None:
    embedded = [
        one | {"photo": {"bytes": (folder / "photos" / one["photo"]).read_bytes(), "path": None}}
        for one in rows()
    ]
    pq.write_table(pa.Table.from_pylist(embedded), folder / "rows.parquet")
    lines = ["\t".join(("uid", "ask", "reply", "photo"))]
    lines += ["\t".join(one[name] for name in ("uid", "ask", "reply", "photo")) for one in rows()]
    (folder / "rows.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in ("rows.json", "rows.parquet", "rows.tsv"):
        out = folder / f"out-{name}"
        source = DataSource.of(folder / name, folder / "photos", columns=PAIRS)
        selection = finegold.pick(source, 2, out, preset="length-only")
        assert set(selection.ids) == {"ü2", "ü3"}
        assert selection.manifest.dataset.columns == "answer=reply,id=uid,image=photo,question=ask"
        kept = json.loads((folder / f"out-{name}.run/manifest.json").read_text())["data"]["columns"]
        assert kept == selection.manifest.dataset.columns
        again = [row.sample for row in open_dataset(out)]
        assert [one and one.id for one in again] == ["ü2", "ü3"]
        assert [one and one.record for one in again] == [
            row.sample and row.sample.record for row in source.open() if row.id in ("ü2", "ü3")
        ]
        for data in (source, DataSource.of(out)):
            assert replay(out / "selection.json", data, None).differences == ()
        # As the selection was read: its map is in selection.json.
        found = replay(out / "selection.json", folder / name, images=folder / "photos")
        assert found.differences == ()
        finegold.pick(source, 3, out, preset="length-only")  # its own folder is written again


def test_the_id_of_a_row_that_cannot_be_used_is_mapped_too(folder: Path) -> None:
    (folder / "rows.tsv").write_text(
        "index\tuid\task\treply\tphoto\n1\ta\tWhat?\tIt.\t0.jpg\n2\tb\tWhat?\t\t1.jpg\n"
    )
    data = open_dataset(folder / "rows.tsv", images=folder / "photos", columns=PAIRS)
    assert [(row.id, row.sample is None) for row in data] == [("a", False), ("b", True)]


def test_the_text_of_a_map_gives_it_again() -> None:
    for text in ("answer=reply,question=ask", '"answer=a,b",question=ask', '"answer=say ""x""",question=ask'):
        found = read_map(text)
        assert found is not None
        assert found.text == text
        assert read_map(found.text) == found


def test_rows_in_memory_are_mapped_too(folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    columns = {"question": "ask", "answer": "reply", "image": "photo", "id": "uid"}
    for data in (rows(), pandas.DataFrame(rows()), pa.Table.from_pylist(rows())):
        opened = finegold.open_dataset(data, images=folder / "photos", columns=columns)
        assert [row.id for row in opened] == ["ü0", "ü1", "ü2", "ü3"]
        run = folder / f"{type(data).__name__}.run"
        selection = finegold.pick(opened, 2, preset="length-only", run=run)
        assert set(selection.ids) == {"ü2", "ü3"}
        assert finegold.Run.open(run).rows().usable.sum() == 4


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "who", "says", "role", "image", "path", "bytes"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
MAPS = [
    "question=a,answer=b,image=c,history=d,system=e,input=f,id=g",
    "answer=b.who,image=c.path",
    "turns=a,role=who,text=says,user_role=u,image=c",
    "role=who",
    json.dumps(
        {
            "dataset": "x",
            "columns": {"prompt": "a", "response": "b", "images": "c", "history": "d", "system": "e"},
        }
    ),
    json.dumps(
        {
            "dataset": "x",
            "formatting": "sharegpt",
            "columns": {"messages": "a", "images": "c", "system": "e", "tools": "f"},
            "tags": {"role_tag": "who", "content_tag": "says", "user_tag": "u", "assistant_tag": "v"},
        }
    ),
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(MAPS),
    st.dictionaries(st.sampled_from([*"abcdefg", "messages", "image", "texts"]), VALUES),
)
def test_a_record_of_any_values_is_a_sample_or_has_a_reason(text: str, record: dict[str, Any]) -> None:
    columns = read_map(text)
    try:
        found: object = parse_record(record, columns=columns).turns
    except RowError as error:
        found = str(error)
    assert found
