import json
from pathlib import Path

import pytest
from PIL import Image
from tests.models.conftest import llama_tokenizer

from finegold.errors import DataError
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.template import (
    encode_answer,
    encode_piece,
    encode_prompt,
    names_control_token,
    template_named,
)
from finegold.samples import ImageRef, Sample, Turn, open_dataset
from finegold.tuning.recipe import load_recipe
from finegold.tuning.rows import (
    blip_caption,
    chat_rows,
    message_parts,
    read_tuning_rows,
    refuse_control_tokens,
)


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


@pytest.mark.parametrize(
    ("caption", "processed"),
    [
        ('A Dog (brown) runs; fast!  "Wow" ~ #1: end.\n', "a dog brown runs fast wow 1 end"),
        ("  two\n\nlines... here", "two lines here"),
        ("It's 5:30 - a well-known, place?", "it's 5 30 - a well-known, place?"),
        (" ".join(f"w{number}" for number in range(60)), " ".join(f"w{number}" for number in range(50))),
        ("...", ""),
    ],
)
def test_stage_1_processes_captions_as_the_published_code(caption: str, processed: str) -> None:
    """From `BlipCaptionProcessor` of MiniGPT-4's code, which its stage 1 applies and its stage 2 does not."""
    assert blip_caption(caption) == processed
    assert load_recipe("minigpt4-stage1").captions == "blip"
    assert load_recipe("minigpt4-stage2").captions == "as they are"


def test_white_space_around_a_caption_keeps_its_tokens(tmp_path: Path) -> None:
    """Two published captions begin or end with white space (ids 558 and 720); it has ids of its own."""
    (tmp_path / "image").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "image" / "558.jpg")
    annotation = {"image_id": "558", "caption": " a dog runs."}
    (tmp_path / "filter_cap.json").write_text(json.dumps({"annotations": [annotation]}))
    tokenizer, template = llama_tokenizer(), template_named("minigpt4-vicuna0")
    (row,) = read_tuning_rows(open_dataset(tmp_path), tokenizer, template, 160)
    assert row.answer == [29871, *encode_answer(tokenizer, template, "a dog runs.")]


def _talk(*turns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"from": who, "value": text} for who, text in turns]


def test_a_question_after_the_last_answer_is_cut(pool: Path, model: PrefixNetwork) -> None:
    before = read_tuning_rows(open_dataset(pool), model.tokenizer, model.template, 160)[7]
    answer = json.loads(pool.read_text())[7]["conversations"][1]["value"]
    question = ("human", "<image>\nWhat?")
    _change(pool, 7, conversations=_talk(("gpt", "Hi."), question, ("gpt", answer), ("human", "Thanks!")))
    after = read_tuning_rows(open_dataset(pool), model.tokenizer, model.template, 160)[7]
    assert after.answer == before.answer


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([("human", "<image>\nWhat?"), ("gpt", ""), ("human", "And?"), ("gpt", "A dog.")], "answer 1 of 2"),
        (
            [("human", "<image>\nWhat?"), ("gpt", "A."), ("system", "s"), ("human", "?"), ("gpt", "B.")],
            "system",
        ),
        ([("gpt", "A dog. <image>")], "no question"),
    ],
)
def test_turns_that_cannot_be_put_in_order_stop_with_the_id(
    pool: Path, model: PrefixNetwork, turns: list[tuple[str, str]], reason: str
) -> None:
    _change(pool, 7, conversations=_talk(*turns))
    with pytest.raises(DataError, match=f"row 'row7'.*{reason}"):
        read_tuning_rows(open_dataset(pool), model.tokenizer, model.template, 160)


def test_control_tokens_in_a_text_are_words(pool: Path, model: PrefixNetwork) -> None:
    tokenizer = model.tokenizer
    tokens = [token for token in tokenizer.all_special_tokens if names_control_token(tokenizer, token)]
    assert {tokenizer.bos_token, tokenizer.eos_token} <= set(tokens)
    for token in tokens:
        _change(pool, 7, conversations=_talk(("human", "<image>\nWhat?"), ("gpt", f"A {token} dog.")))
        answer = read_tuning_rows(open_dataset(pool), tokenizer, model.template, 160)[7].answer
        ends = len(encode_piece(tokenizer, model.template.end))
        assert not set(answer[: len(answer) - ends]) & {tokenizer.bos_token_id, tokenizer.eos_token_id}
        question = encode_prompt(tokenizer, model.template, f"Is {token} a word?")
        plain = encode_prompt(tokenizer, model.template, "Is it a word?")
        for special in tokenizer.all_special_ids:
            if special not in (tokenizer.unk_token_id, tokenizer.pad_token_id):
                assert question.after.count(special) == plain.after.count(special)


def test_rows_with_control_tokens_are_named_where_a_template_would_read_them(model: PrefixNetwork) -> None:
    token = model.tokenizer.eos_token
    rows = chat_rows(_sample(("user", "<image> Why?"), ("assistant", f"So {token} ends.")))
    with pytest.raises(DataError, match="row 's' has"):
        refuse_control_tokens(model.tokenizer, rows)
    refuse_control_tokens(model.tokenizer, chat_rows(_sample(("user", "<image> Why?"), ("assistant", "So."))))
