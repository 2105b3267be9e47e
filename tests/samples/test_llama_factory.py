"""Datasets of LLaMA-Factory's `dataset_info.json` are read as llamafactory 0.9.5 reads them."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.samples.conftest import picture

import finegold
from finegold.errors import ConfigError, DataError
from finegold.samples import open_dataset
from finegold.workflow import DataSource, replay

TAGS = {
    "role_tag": "who",
    "content_tag": "says",
    "user_tag": "person",
    "assistant_tag": "bot",
    "system_tag": "rules",
    "function_tag": "call",
    "observation_tag": "result",
}


def folder_of(tmp_path: Path, records: list[Any], **entry: Any) -> str:
    """A folder in which the dataset `mine` has these records, named as finegold takes it."""
    (tmp_path / "pics").mkdir(exist_ok=True)
    (tmp_path / "pics/1.jpg").write_bytes(picture(1))
    (tmp_path / "mine.json").write_text(json.dumps(records), encoding="utf-8")
    info = {"mine": {"file_name": "mine.json"} | entry, "other": {"file_name": "other.json"}}
    (tmp_path / "dataset_info.json").write_text(json.dumps(info))
    return f"{tmp_path}#mine"


def turns_of(data: str) -> list[Any]:
    return [
        [(turn.role, turn.text) for turn in row.sample.turns]
        if row.sample
        else (row.exclusion and row.exclusion.code)
        for row in open_dataset(data)
    ]


def test_alpaca_has_its_usual_columns(tmp_path: Path) -> None:
    records = [
        {"instruction": "Translate.", "input": "Hund", "output": "dog"},
        {"instruction": "Say hello.", "input": "", "output": "Hello."},
        {"instruction": "No answer.", "output": None},
    ]
    assert turns_of(folder_of(tmp_path, records)) == [
        [("user", "Translate.\nHund"), ("assistant", "dog")],
        [("user", "Say hello."), ("assistant", "Hello.")],
        "empty-answer",
    ]


def test_alpaca_has_the_columns_that_are_stated_and_no_others(tmp_path: Path) -> None:
    columns = {"prompt": "q", "response": "a", "images": "pictures", "history": "before", "system": "rules"}
    record = {"q": "<image>What?", "a": "A dog.", "pictures": ["pics/1.jpg"], "input": "not read"}
    found = turns_of(
        folder_of(
            tmp_path,
            [record | {"before": [["Hi", "Hello"]], "rules": "Be kind."}, record],
            columns=columns,
        )
    )
    talk = [("user", "<image>What?"), ("assistant", "A dog.")]
    assert found == [[("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"), *talk], talk]
    columns = {"prompt": "q", "response": "a"}
    assert turns_of(folder_of(tmp_path, [record], columns=columns)) == ["unread-image"]


def sharegpt(*turns: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"talk": [{"who": who, "says": says} for who, says in turns]} | more


def test_sharegpt_follows_its_tags(tmp_path: Path) -> None:
    ask, say = ("person", "<image>What?"), ("bot", "A dog.")
    photo = {"pictures": "pics/1.jpg"}
    records = [
        sharegpt(ask, say, **photo),
        sharegpt(("rules", "Be kind."), ask, say, **photo, system="not this"),
        sharegpt(ask, say, **photo, system="Be brief."),
        sharegpt(ask, say, ("person", "And?"), **photo),
        sharegpt(say, ask, **photo),
        sharegpt(ask, ("call", "f()"), ("result", "1"), say, **photo),
        sharegpt(ask, ("human", "x"), **photo),
        sharegpt(("person", "What?"), say, **photo),
        sharegpt(ask, say, **photo, kit="[{}]"),
        sharegpt(ask, say, **photo, clips=["a.mp4"]),
        sharegpt(ask, say, **photo, kit="", clips=[]),
        {"talk": "no list", **photo},
        {"talk": [], **photo},
    ]
    columns = {
        "messages": "talk",
        "images": "pictures",
        "system": "system",
        "tools": "kit",
        "videos": "clips",
    }
    data = folder_of(tmp_path, records, formatting="sharegpt", columns=columns, tags=TAGS)
    asked = [("user", "<image>What?"), ("assistant", "A dog.")]
    found = turns_of(data)
    assert found[:3] == [asked, [("system", "Be kind."), *asked], [("system", "Be brief."), *asked]]
    assert found[3:7] == ["turn-order", "turn-order", "unsupported-media", "turn-order"]
    codes = [row.exclusion and row.exclusion.code for row in finegold.inspect(data).bad]
    assert codes[4:5] == ["placeholder-mismatch"]  # LLaMA-Factory wants one `<image>` an image
    assert found[8:] == ["unsupported-media", "unsupported-media", asked, "malformed-row", "turn-order"]


def test_without_a_tag_for_the_system_a_system_turn_is_out_of_order(tmp_path: Path) -> None:
    tags = {key: value for key, value in TAGS.items() if key != "system_tag"}
    record = sharegpt(("rules", "Be kind."), ("person", "What?"), ("bot", "A dog."))
    data = folder_of(tmp_path, [record], formatting="sharegpt", columns={"messages": "talk"}, tags=tags)
    assert turns_of(data) == ["turn-order"]


def test_openai_messages_with_tool_calls_are_out(tmp_path: Path) -> None:
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    ask, say = {"role": "user", "content": "What?"}, {"role": "assistant", "content": "A dog."}
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]}
    records = [{"messages": [ask, say]}, {"messages": [ask, call]}]
    columns = {"messages": "messages"}
    data = folder_of(tmp_path, records, formatting="openai", columns=columns, tags=tags)
    assert turns_of(data) == [[("user", "What?"), ("assistant", "A dog.")], "unsupported-media"]


def test_as_many_rows_as_num_samples_are_drawn_whatever_their_order(tmp_path: Path) -> None:
    records = [{"instruction": f"Say {number}.", "output": f"Number {number}."} for number in range(20)]
    drawn = []
    for order in (records, records[::-1]):
        found = finegold.inspect(folder_of(tmp_path, order, num_samples=7))
        assert (found.usable, found.codes) == (7, {"not-drawn": 13})
        drawn.append(
            sorted(row.sample.answer for row in open_dataset(f"{tmp_path}#mine") if row.sample is not None)
        )
    assert drawn[0] == drawn[1]
    assert finegold.inspect(folder_of(tmp_path, records, num_samples=99)).usable == 20


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"ranking": True}, "answers to compare"),
        ({"columns": {"response": "output", "kto_tag": "ok"}}, "answers to compare"),
        ({"formatting": "sharegptt"}, "formatting 'sharegptt', expected alpaca, sharegpt, openai"),
        ({"columns": {"respons": "output"}}, r"columns with 'respons' \(did you mean 'response'\?\)"),
        ({"columns": {"prompt": "instruction"}}, "no column for 'response'"),
        (
            {"columns": {"prompt": "instruktion", "response": "output"}},
            r"no field 'instruktion' \(did you mean",
        ),
        ({"columns": ["output"]}, "no object of names"),
        ({"formatting": "sharegpt", "tags": {"role_tag": "role"}}, "tags without 'content_tag'"),
        ({"tags": {"rolle": "role"}}, r"tags with 'rolle'"),
        ({"num_samples": 0}, "num_samples 0, expected a whole number"),
        ({"file_name": "gone.json"}, "and there is no .*gone.json: check file_name"),
        ({"file_name": "../far.json"}, "outside of its folder: give --allow-links"),
        ({"file_name": "mine.json", "split": "test"}, "is a file with the split 'test', expected no split"),
        ({"file_name": 3}, "is no text"),
        ({"file_name": None, "script_url": "x.py"}, "has only 'script_url', which is not read"),
        ({"file_name": None, "ms_hub_url": "a/b"}, "has only 'ms_hub_url', which is not read"),
        ({"file_name": None}, "has no file_name"),
        ({"hf_hub_url": "lab/x", "split": "train[:10]"}, "a part of a split is not read"),
    ],
)
def test_what_is_not_read_is_refused_in_a_sentence(
    tmp_path: Path, entry: dict[str, Any], message: str
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "far.json").write_text("[]")
    data = folder_of(tmp_path / "data", [{"instruction": "Hi", "output": "Hello"}], **entry)
    with pytest.raises(DataError, match=message):
        open_dataset(data)


def test_a_name_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    data = folder_of(tmp_path, [{"instruction": "Hi", "output": "Hello"}])
    with pytest.raises(
        DataError, match=r"no dataset 'Mine' \(did you mean 'mine'\?\), expected one of mine, other"
    ):
        open_dataset(f"{tmp_path}#Mine")
    with pytest.raises(
        DataError, match=r"states the datasets mine, other, expected one: name it as '.*#mine'"
    ):
        open_dataset(tmp_path)
    with pytest.raises(DataError, match=r"states the datasets mine, other"):
        open_dataset(tmp_path / "dataset_info.json")
    with pytest.raises(DataError, match=r"ends with '#', expected FOLDER#NAME"):
        open_dataset(f"{tmp_path}#")
    with pytest.raises(ConfigError, match=r"omit --columns"):
        open_dataset(data, columns="answer=output")
    with pytest.raises(DataError, match=r"there is no dataset_info.json in .*pics"):
        open_dataset(f"{tmp_path}/pics#mine")
    (tmp_path / "dataset_info.json").write_text("{")
    with pytest.raises(DataError, match=r"dataset_info.json .*line 1"):
        open_dataset(data)


def test_a_path_with_a_mark_is_that_path(tmp_path: Path) -> None:
    folder_of(tmp_path, [{"instruction": "Hi", "output": "Hello"}])
    (tmp_path / "a#b.json").write_text(json.dumps([{"prompt": "Hi", "completion": "Hello"}]))
    assert len(open_dataset(tmp_path / "a#b.json")) == 1


def test_a_subset_is_written_in_the_same_form_and_replays(tmp_path: Path) -> None:
    columns, talk = (
        {"messages": "talk", "images": "pictures"},
        (("person", "<image>What?"), ("bot", "A dog.")),
    )
    records = [
        sharegpt(talk[0], ("bot", f"A dog, {'very ' * number}big."), pictures=["pics/1.jpg"])
        for number in range(5)
    ]
    data = folder_of(tmp_path, records, formatting="sharegpt", columns=columns, tags=TAGS)
    out = tmp_path / "out"
    selection = finegold.pick(data, 2, out, preset="length-only")
    info = json.loads((out / "dataset_info.json").read_text())
    assert info == {
        "mine": {"file_name": "mine.json", "formatting": "sharegpt", "columns": columns, "tags": TAGS}
    }
    assert json.loads((out / "mine.json").read_text()) == [
        row.sample.record for row in open_dataset(data) if row.sample and row.id in selection.ids
    ]
    for again in (out, f"{out}#mine", out / "mine.json"):
        assert [row.id for row in open_dataset(again) if row.exclusion is None] == sorted(
            selection.ids, key=[row.id for row in open_dataset(data)].index
        )
    for source in (data, tmp_path / "mine.json", out):
        given = None if source != tmp_path / "mine.json" else selection.manifest.dataset.columns
        assert replay(out / "selection.json", DataSource.of(source, columns=given), None).differences == ()
    # The map is bound to the run: another one is other data.
    folder_of(tmp_path, records, columns={"prompt": "talk", "response": "talk"})
    assert len(finegold.Run.open(tmp_path / "out.run").dataset) == 5
    assert finegold.Run.open(tmp_path / "out.run").rows().usable.all()


def test_a_subset_of_several_files_has_an_entry_for_each(tmp_path: Path) -> None:
    for name in ("one", "two"):
        lines = [
            json.dumps({"instruction": f"{name}?", "output": f"It is {name} {'so ' * at}"}) for at in range(3)
        ]
        (tmp_path / "parts").mkdir(exist_ok=True)
        (tmp_path / f"parts/{name}.jsonl").write_text("\n".join(lines))
    (tmp_path / "dataset_info.json").write_text(json.dumps({"mine": {"file_name": "parts"}}))
    out = tmp_path / "out"
    finegold.pick(f"{tmp_path}#mine", 6, out, preset="length-only")
    info = json.loads((out / "dataset_info.json").read_text())
    assert {name: entry["file_name"] for name, entry in info.items()} == {
        "mine-one": "one.jsonl",
        "mine-two": "two.jsonl",
    }
    assert len(open_dataset(out)) == 6
    assert [len(open_dataset(f"{out}#{name}")) for name in info] == [3, 3]


def test_a_folder_with_one_dataset_needs_no_name(tmp_path: Path) -> None:
    folder_of(tmp_path, [{"instruction": "Hi", "output": "Hello"}])
    (tmp_path / "dataset_info.json").write_text(json.dumps({"mine": {"file_name": "mine.json"}}))
    (tmp_path / "unrelated.json").write_text("[]")
    assert len(open_dataset(tmp_path)) == 1
