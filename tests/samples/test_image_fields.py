"""No field or text that names an image is passed over in silence."""

import base64
from typing import Any

import pytest

from finegold.samples.exclusions import RowError
from finegold.samples.records import parse_record

CHAT = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A cat."}]
JPEG = b"\xff\xd8\xff\xe0" + bytes(200)


@pytest.mark.parametrize(
    "fields",
    [
        {"picture": "a"},
        {"photo_name": "a"},
        {"screenshot": "a"},
        {"imagePath2": "a"},
        {"filename": "coco/a.jpg"},
        {"name": "a b.PNG"},
        {"path": "c:\\data\\a.webp"},
        {"url": "https://example.org/a.jpeg?size=1"},
        {"jpg": JPEG},
        {"extra": {"deep": [{"file": "x/a.png"}]}},
        {"meta": {"image": "abc"}},
        {"media": [{"type": "image", "path": "a"}]},
        {"image_id": 17},
        {"video_path": "a.mp4"},
        {"clip": "a"},
        {"sound_file": "a.wav"},
        {"note": "data:image/png;base64,AAAA"},
    ],
)
def test_a_row_without_an_image_that_names_one_is_a_problem(fields: dict[str, Any]) -> None:
    with pytest.raises(RowError, match="is not read") as error:
        parse_record({"messages": CHAT, **fields})
    assert error.value.exclusion.code == "unread-image"
    assert next(iter(fields)) in str(error.value)
    assert parse_record({"images": ["a.jpg"], "messages": CHAT, **fields}).images


@pytest.mark.parametrize(
    "fields",
    [
        {"image": None, "images": [], "video": "", "audio": {"path": None, "bytes": None}},
        {"image": {"bytes": None, "path": None}},
        {"images": [{"bytes": None, "path": None}, None]},
        {
            "image_path": None,
            "image_width": 640,
            "num_images": 2,
            "has_image": False,
            "image_caption": "A cat.",
        },
        {"source": "coco", "model": "", "id": "photos/a.jpg"},
        {"img": ""},
    ],
)
def test_facts_and_nulls_name_no_image(fields: dict[str, Any]) -> None:
    assert parse_record({"messages": CHAT, **fields}).images == ()


@pytest.mark.parametrize(
    "question",
    [
        "![a cat](a.jpg) What?",
        'What is in <img src="a.jpg">?',
        "[img]http://example.org/a[/img]",
        "<video>\nWhat?",
        "Look:\n<audio>\nWhat?",
        "<|vision_start|>What?",
        "[IMG] What?",
        "<image_1> What?",
        "<ImageHere> What?",
        "data:image/png;base64," + "A" * 80,
    ],
)
def test_a_text_that_names_an_image_is_a_problem(question: str) -> None:
    with pytest.raises(RowError):
        parse_record({"query": question, "response": "A cat."})


@pytest.mark.parametrize(
    "answer",
    [
        "Use <video> and <audio> tags.",
        'Write <img src="a.jpg">.',
        "![alt](a.png)",
        "The <img> tag.",
        "x[1] < y",
    ],
)
def test_words_of_an_answer_stay_words(answer: str) -> None:
    parsed = parse_record({"query": "How do I show a film with the <video> tag?", "response": answer})
    assert [turn.text for turn in parsed.turns][1] == answer


def test_bytes_in_a_column_of_their_own_stand_for_the_names() -> None:
    record: dict[str, Any] = {
        "images": ["../x/a.jpg", "b.jpg"],
        "image_bytes": [JPEG, None],
        "text": "A cat.",
    }
    found = parse_record(record).images
    assert [(image.name, image.data) for image in found] == [("../x/a.jpg", JPEG), ("b.jpg", None)]
    record["image_bytes"] = [base64.b64encode(JPEG).decode()] * 3
    with pytest.raises(RowError, match="names 2 images and holds the bytes of 3"):
        parse_record(record)


def test_base64_without_a_head_is_an_image() -> None:
    text = base64.b64encode(JPEG).decode()
    assert parse_record({"image": text, "question": "What?", "answer": "A cat."}).images[0].data == JPEG
