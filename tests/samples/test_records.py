import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.samples import open_dataset
from finegold.samples.check import check
from finegold.samples.exclusions import RowError
from finegold.samples.records import canonical_record, hashed_id, parse_record

ANSWER = {"role": "assistant", "content": "A cat."}


def turns(record: Any) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in parse_record(record).turns]


def names(record: Any) -> list[str]:
    return [image.name for image in parse_record(record).images]


def test_system_and_several_turns_keep_their_order() -> None:
    record = {
        "system": "Be brief.",
        "conversations": [
            {"from": "human", "value": "<image>\nWhat?"},
            {"from": "gpt", "value": "A cat."},
            {"from": "human", "value": "Which?"},
            {"from": "gpt", "value": "Grey."},
        ],
        "images": ["a.jpg"],
    }
    roles = ["system", "user", "assistant", "user", "assistant"]
    assert [role for role, _ in turns(record)] == roles


def test_image_items_become_placeholders_and_take_the_images_in_order() -> None:
    content = [
        {"type": "text", "text": "Compare "},
        {"type": "image"},
        {"type": "text", "text": " with "},
        {"type": "image", "image": "own.jpg"},
        {"type": "image_url", "image_url": {"url": "https://example.org/x.jpg"}},
        {"type": "image"},
    ]
    record = {"messages": [{"role": "user", "content": content}, ANSWER], "images": ["a.jpg", "b.jpg"]}
    assert turns(record)[0] == ("user", "Compare <image> with <image><image><image>")
    assert names(record) == ["a.jpg", "own.jpg", "https://example.org/x.jpg", "b.jpg"]


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [{"role": "user", "content": "What?"}, ANSWER]},
        {"prompt": "What?", "completion": "A cat."},
        {"prompt": [{"role": "user", "content": "What?"}], "completion": [ANSWER]},
        {"instruction": "What?", "output": "A cat."},
    ],
)
def test_images_without_placeholders_stand_before_the_question(record: dict[str, Any]) -> None:
    pictured = {**record, "images": ["a.jpg", "b.jpg"]}
    assert turns(pictured) == [("user", "<image>\n<image>\nWhat?"), ("assistant", "A cat.")]
    assert turns(record) == [("user", "What?"), ("assistant", "A cat.")]


def test_from_value_rows_must_place_their_images() -> None:
    record = {
        "image": "a.jpg",
        "conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "!"}],
    }
    assert turns(record)[0] == ("user", "What?")


def test_alpaca_history_comes_first() -> None:
    record = {"instruction": "Now?", "input": "this", "output": "c", "history": [["a?", "a"], ["b?", "b"]]}
    assert [text for _, text in turns(record)] == ["a?", "a", "b?", "b", "Now?\nthis", "c"]


def test_captions_are_asked_for() -> None:
    record = {"image": "a.jpg", "caption": "A cat."}
    assert turns(record) == [("user", "<image>\nDescribe this image in detail."), ("assistant", "A cat.")]
    assert parse_record(record, "See <image>: what?").turns[0].text == "See <image>: what?"


def test_images_come_as_paths_bytes_and_data_uris() -> None:
    data = base64.b64encode(b"abc").decode()
    images = [
        "a.jpg",
        {"path": "b.jpg"},
        {"bytes": data, "path": None},
        {"bytes": b"abc"},
        f"data:image/png;base64,{data}",
    ]
    found = parse_record({"images": images, "messages": [ANSWER]}).images
    assert [(image.name, image.data) for image in found] == [
        ("a.jpg", None),
        ("b.jpg", None),
        ("", b"abc"),
        ("", b"abc"),
        ("", b"abc"),
    ]


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        "text",
        {},
        {"conversations": []},
        {"conversations": "hello"},
        {"conversations": [None]},
        {"conversations": [{"value": "hello"}]},
        {"conversations": [{"from": "human"}]},
        {"conversations": [{"from": ["human"], "value": "a"}]},
        {"conversations": [{"from": "alien", "value": "a"}]},
        {"conversations": [{"from": "human", "value": 7}]},
        {"messages": [{"role": "tool", "content": "a"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": [7]}]},
        {"messages": [{"role": "user", "content": [{"type": "video"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": None}]}]},
        {"messages": [ANSWER], "images": 7},
        {"messages": [ANSWER], "images": [{"bytes": 7}]},
        {"messages": [ANSWER], "images": [{"bytes": "not base64!"}]},
        {"messages": [ANSWER], "images": ["data:image/png,abc"]},
        {"messages": [ANSWER], "videos": ["a.mp4"]},
        {"messages": [ANSWER], "id": ["a"]},
        {"messages": [ANSWER], "id": True},
        {"messages": [ANSWER], "id": 1.5},
        {"messages": [ANSWER], "system": {}},
        {"prompt": "a", "completion": 7},
        {"instruction": "a", "output": "b", "history": [["a"]]},
        {"caption": "A cat."},
        {"image": "a.jpg", "caption": ["A cat."]},
    ],
)
def test_malformed_records_say_why(record: Any) -> None:
    with pytest.raises(RowError) as error:
        parse_record(record)
    assert error.value.exclusion.reason
    assert error.value.exclusion.code in {
        "malformed-row",
        "unsupported-media",
        "unreadable-image",
        "missing-image",
    }


KEYS = [
    "conversations",
    "messages",
    "from",
    "role",
    "value",
    "content",
    "type",
    "image",
    "images",
    "text",
    "id",
    "prompt",
    "completion",
    "instruction",
    "output",
    "history",
    "path",
    "bytes",
    "url",
    "image_url",
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["human", "user", "image"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_value_breaks_the_reader(record: Any) -> None:
    with contextlib.suppress(RowError):
        parse_record(record)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4), st.randoms())
def test_hashed_ids_do_not_depend_on_the_order_of_keys(record: dict[str, Any], random: Any) -> None:
    keys = list(record)
    random.shuffle(keys)
    assert hashed_id({key: record[key] for key in keys}) == hashed_id(record)
    assert len(hashed_id(record)) == 16
    assert canonical_record(json.loads(json.dumps(record))) == canonical_record(record)


def test_bytes_count_in_the_hash() -> None:
    assert hashed_id({"a": b"x"}) != hashed_id({"a": b"y"})


def test_deep_nesting_is_a_problem_of_its_row(tmp_path: Path) -> None:
    deep = "[" * 900 + "]" * 900
    lines = [
        '{"id": "a", "prompt": "What?", "completion": "A cat."}',
        f'{{"prompt": "What?", "completion": "A dog.", "note": {deep}}}',
        f'{{"prompt": "What?", "completion": "A dog.", "note": {"[" * 100_000}}}',
    ]
    (tmp_path / "data.jsonl").write_text("\n".join(lines))
    found = [check(row).exclusion for row in open_dataset(tmp_path).rows()]
    assert found[0] is None
    assert found[2] is not None
    assert found[2].code == "malformed-row"
