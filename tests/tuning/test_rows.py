import json
from pathlib import Path

import pytest

from finegold.errors import DataError
from finegold.models.prefix.network import PrefixNetwork
from finegold.samples import ImageRef, Sample, Turn, open_dataset
from finegold.tuning.rows import chat_rows, message_parts, read_tuning_rows


def _change(pool: Path, row: int, **fields: object) -> None:
    records = json.loads(pool.read_text())
    records[row].update(fields)
    pool.write_text(json.dumps(records))


def test_answers_are_cut_and_counted(pool: Path, model: PrefixNetwork) -> None:
    whole = read_tuning_rows(open_dataset(pool), model.tokenizer, model.template, 160)
    longest = sorted(len(row.answer) for row in whole)[len(whole) // 2]
    rows = read_tuning_rows(open_dataset(pool), model.tokenizer, model.template, longest)
    assert [row.answer for row in rows] == [row.answer[:longest] for row in whole]
    assert [row.cut for row in rows] == [len(row.answer) > longest for row in whole]
    assert any(row.cut for row in rows)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"image": "gone.png"}, "gone.png"),
        ({"image": "../../etc/passwd"}, "leaves the image folder"),
        ({"conversations": [{"from": "human", "value": "<image>\nWhat?"}]}, "no answer"),
        (
            {
                "conversations": [
                    {"from": "human", "value": "<image>\nWhat?"},
                    {"from": "gpt", "value": "a dog"},
                    {"from": "human", "value": "And?"},
                    {"from": "gpt", "value": "a cat"},
                ]
            },
            "2 questions and 2 answers",
        ),
        ({"id": "row2"}, "use --ids row"),
    ],
)
def test_a_bad_row_stops_with_its_id(
    pool: Path, model: PrefixNetwork, fields: dict[str, object], reason: str
) -> None:
    _change(pool, 7, **fields)
    with pytest.raises(DataError, match=r"row '(row7|row2)' \(pool.json record \d\).*" + reason):
        read_tuning_rows(open_dataset(pool), model.tokenizer, model.template, 160)


def _sample(*turns: tuple[str, str], images: int = 1) -> Sample:
    refs = tuple(ImageRef(f"{i}.png") for i in range(images))
    return Sample("s", refs, tuple(Turn(role, text) for role, text in turns), None)  # type: ignore[arg-type]


def test_every_answer_is_learnt_once_with_all_that_came_before() -> None:
    sample = _sample(
        ("system", "Be kind."),
        ("user", "<image>\nWhat is it?"),
        ("assistant", "A dog."),
        ("user", "And this? <image>"),
        ("assistant", "A cat."),
        images=2,
    )
    first, second = chat_rows(sample)
    assert (first.id, second.id) == ("s", "s#2")
    assert [len(first.images), len(second.images)] == [1, 2]
    assert [m["role"] for m in first.prompt] == ["system", "user"]
    assert [m["role"] for m in second.prompt] == ["system", "user", "assistant", "user"]
    assert second.completion == [{"role": "assistant", "content": [{"type": "text", "text": "A cat."}]}]


def test_placeholders_become_image_parts_where_they_stand() -> None:
    assert message_parts("<image>\nWhat?") == [{"type": "image"}, {"type": "text", "text": "What?"}]
    assert message_parts("Left <image> right <image>") == [
        {"type": "text", "text": "Left"},
        {"type": "image"},
        {"type": "text", "text": "right"},
        {"type": "image"},
    ]
