"""Every shape of turns is read, and what is not clear is said."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.samples import open_dataset
from finegold.samples.check import check
from finegold.samples.exclusions import RowError
from finegold.samples.records import parse_record

PATHS = ["one.jpg", "two.jpg"]
SHAPES: dict[str, dict[str, Any]] = {
    "conversations": {
        "image": PATHS,
        "conversations": [
            {"from": "Human", "value": "<image> <image> Which?"},
            {"from": "GPT", "value": "Both."},
        ],
    },
    "developer": {
        "images": PATHS,
        "messages": [
            {"role": "Developer", "content": "Be brief."},
            {"role": "USER", "content": "Which?"},
            {"role": "Assistant", "content": "Both."},
        ],
    },
    "tags": {
        "conversations": [
            {"from": "user", "value": "Picture 1: <img>one.jpg</img>\nPicture 2: <img>two.jpg</img>\nWhich?"},
            {"from": "assistant", "value": "Both."},
        ]
    },
    "placeholder object": {
        "image": {"<left>": "one.jpg", "<right>": "two.jpg"},
        "conversations": [
            {"role": "user", "content": "<left>\n<right>\nWhich?"},
            {"role": "assistant", "content": "Both."},
        ],
    },
    "texts": {"images": PATHS, "texts": [{"user": "Which?", "assistant": "Both.", "source": "made"}]},
    "xtuner": {"images": PATHS, "conversation": [{"input": "Which?", "output": "Both."}]},
    "query": {"query": "Which?", "response": "Both.", "images": PATHS, "history": [["Any?", "Yes."]]},
    "question": {"question": "Which?", "answer": "Both.", "images": PATHS},
    "options": {"question": "Which?", "answer": "A", "images": PATHS, "A": "both", "B": "none"},
    "prefix": {"prefix": "which", "suffix": "both", "images": PATHS},
    "items with value": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "value": "one.jpg"},
                    {"type": "image", "value": "two.jpg"},
                    {"type": "text", "value": "Which?"},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "value": "Both."}]},
        ]
    },
    "images of a turn": {
        "messages": [
            {"role": "user", "content": "Which?", "images": PATHS},
            {"role": "assistant", "content": "Both."},
        ]
    },
    "numbered columns": {"image_1": "one.jpg", "image_2": "two.jpg", "question": "Which?", "answer": "Both."},
    "another tool's numbers": {
        "images": PATHS,
        "messages": [
            {"role": "user", "content": "<|image_1|><|image_2|>Which?"},
            {"role": "assistant", "content": "Both."},
        ],
    },
    "another tool's marks": {
        "images": PATHS,
        "query": "<|vision_start|><|image_pad|><|vision_end|> <|vision_start|><image><|vision_end|> Which?",
        "response": "Both.",
    },
    "marks alone": {"images": PATHS, "query": "[IMG][IMG] Which?", "response": "Both."},
    "paths": {"image_paths": PATHS, "question": "Which?", "answer": "Both."},
}


def names(record: Any) -> list[str]:
    return [image.name for image in parse_record(record).images]


def texts(record: Any) -> list[str]:
    return [turn.text for turn in parse_record(record).turns]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["json", "jsonl", "parquet"])
def test_a_shape_is_read_and_written_back(
    tmp_path: Path, picture: Callable[..., bytes], shape: str, kind: str
) -> None:
    record = {"id": "r", **SHAPES[shape]}
    (tmp_path / "in/images").mkdir(parents=True)
    for seed, name in enumerate(PATHS):
        (tmp_path / "in/images" / name).write_bytes(picture(seed))
    file = tmp_path / f"in/data.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([record, {"id": "z", "images": None}]), file)
    else:
        file.write_text(json.dumps([record]) if kind == "json" else json.dumps(record) + "\n")
    first = check(next(open_dataset(file).rows()))
    sample = first.row.sample
    assert first.exclusion is None
    assert sample is not None
    assert [image.name for image in sample.images] == PATHS
    assert "".join(turn.text for turn in sample.turns).count("<image>") == 2
    assert sample.turns[-1].role == "assistant"
    assert "<" not in sample.instruction.replace("<image>", "")
    (tmp_path / "out").mkdir()
    open_dataset(file).write(tmp_path / "out", [0])
    again = check(next(open_dataset(tmp_path / "out").rows()))
    assert again.row.sample is not None
    assert (again.row.id, again.row.sample.turns) == ("r", sample.turns)
    assert again.row.sample.record == sample.record
    assert again.content_hash == first.content_hash


def test_an_item_takes_the_image_of_its_index() -> None:
    items: list[dict[str, Any]] = [
        {"type": "image", "index": 1},
        {"type": "text", "text": "?"},
        {"type": "image", "index": 0},
    ]
    record = {"images": PATHS, "messages": [{"role": "user", "content": items}, ANSWER]}
    assert names(record) == ["two.jpg", "one.jpg"]
    items[0]["index"] = 7
    with pytest.raises(RowError, match="index 7"):
        parse_record(record)
    items[0]["index"] = None
    with pytest.raises(RowError, match="others have none"):
        parse_record(record)


@given(st.permutations(range(4)))
def test_any_order_of_indices_is_followed(order: list[int]) -> None:
    record = {
        "images": [f"{n}.jpg" for n in range(4)],
        "messages": [{"role": "user", "content": [{"type": "image", "index": n} for n in order]}, ANSWER],
    }
    assert names(record) == [f"{n}.jpg" for n in order]


ANSWER = {"role": "assistant", "content": "Yes."}


def test_options_and_history_are_part_of_the_question() -> None:
    assert texts(SHAPES["options"])[0].endswith("Which?\nA. both\nB. none")
    assert texts(SHAPES["query"])[1:] == ["Yes.", "Which?", "Both."]


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("<__dj__image> A bed in a room. <|__dj__eoc|>", "A bed in a room."),
        ("<image>\nA bed in a room.", "A bed in a room."),
        ("A bed in a room.<|endofchunk|>", "A bed in a room."),
        (" A bed in a room. ", " A bed in a room. "),
    ],
)
def test_a_caption_loses_the_marks_at_its_ends(text: str, caption: str) -> None:
    record = {"images": ["one.jpg"], "text": text}
    assert texts(record) == ["<image>\nDescribe this image in detail.", caption]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            {"images": PATHS, "text": "<__dj__image> one <|__dj__eoc|> <__dj__image> two <|__dj__eoc|>"},
            "one caption",
        ),
        ({"images": PATHS, "text": "<image> one"}, "1 image placeholders"),
        ({"messages": [ANSWER], "conversations": [ANSWER, ANSWER]}, "'messages' and 'conversations'"),
        ({"question": "a", "answer": "b", "query": "c", "response": "d"}, "not clear"),
        (
            {"messages": [{"role": "assistant", "content": "x", "tool_calls": [{"name": "f"}]}]},
            "'tool_calls'",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "'tool'"),
        ({"image": "a.jpg", "image_2": "b.jpg", "question": "a", "answer": "b"}, "'image_2'"),
        ({"image_path": "a.jpg", "image_url": "b.jpg", "question": "a", "answer": "b"}, "'image_url'"),
        ({"images": PATHS, "query": "<image_1> and <image_2> or <image_2>", "response": "b"}, "another tool"),
        ({"images": PATHS[:1], "query": "<image>", "response": "See <|image_1|>."}, "another tool"),
        ({"query": "<|image_1|> What?", "response": "b"}, "no image"),
    ],
)
def test_what_is_not_clear_is_said(record: dict[str, Any], said: str) -> None:
    with pytest.raises(RowError, match=said):
        parse_record(record)


def test_long_runs_of_a_mark_are_read_in_one_pass() -> None:
    for run in (" ", "\n", "[IMG]", "![", "<img ", "<image_start> "):
        text = f"< {run * 30_000}."
        turns = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": text}]
        if run != "[IMG]":
            assert texts({"messages": turns})[1] == text
            assert texts({"messages": [{"role": "user", "content": text}, ANSWER]})[0] == text
        else:
            with pytest.raises(RowError, match="no image"):
                parse_record({"messages": turns})


def test_a_linked_image_among_marks_is_a_problem() -> None:
    for text in ("![a ![b](c.jpg)", "![ ![](a.jpg) [b]", "<img <img alt='x' src='a.jpg'>"):
        with pytest.raises(RowError, match="names an image"):
            parse_record({"messages": [{"role": "user", "content": text}, ANSWER]})


def test_rows_that_cannot_be_used_do_not_decide_for_the_file(tmp_path: Path) -> None:
    films = [{"messages": [{"role": "user", "content": "<video>?"}, ANSWER], "videos": ["a.mp4"]}] * 150
    strange = [{"strange": n} for n in range(150)]
    row = {"messages": [{"role": "user", "content": "What?"}, ANSWER]}
    for name, rows in (("films", [*films, row]), ("strange", [*strange, row])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
        for suffix in ("jsonl", "json"):
            found = [row.exclusion for row in open_dataset(tmp_path / f"{name}.{suffix}").rows()]
            assert [exclusion is None for exclusion in found] == [False] * 150 + [True]


def test_null_columns_at_the_start_do_not_decide_for_a_table() -> None:
    with tempfile.TemporaryDirectory() as name:
        rows: list[dict[str, Any]] = [{"messages": None}] * 40 + [{"messages": [ANSWER]}]
        pq.write_table(
            pa.Table.from_pylist(
                rows,
                pa.schema(
                    [("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])))]
                ),
            ),
            Path(name) / "a.parquet",
        )
        found = [row.exclusion for row in open_dataset(name).rows()]
    assert [exclusion is None for exclusion in found] == [False] * 40 + [True]
