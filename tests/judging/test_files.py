import json
from pathlib import Path
from typing import Any

import pytest

from finegold.errors import DataError
from finegold.judging import read_answer_set, read_judge_questions


def write(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_files_are_joined_on_ids_not_on_line_order(tmp_path: Path) -> None:
    asked = write(
        tmp_path / "q.jsonl",
        {"question_id": 7, "image": "b.jpg", "text": "Seven?", "category": "conv"},
        {"question_id": 3, "image": "a.jpg", "text": "Three?"},
    )
    about = write(
        tmp_path / "c.jsonl",
        {"image": "a.jpg", "caption": ["one", "two"], "instances": [{"category": "dog", "bbox": [1, 2]}]},
        {"image": "b.jpg", "caption": "three"},
    )
    given = write(
        tmp_path / "a.jsonl",
        {"question_id": 99, "text": "of no question", "model_id": "m"},
        {"question_id": 3, "text": "to three", "model_id": "m"},
        {"question_id": 7, "text": "to seven", "model_id": "m"},
    )
    questions = read_judge_questions(asked, about)
    assert [(q.id, q.category, q.context) for q in questions] == [
        ("7", "conv", "three"),
        ("3", "all", "one\ntwo\ndog: [1, 2]"),
    ]
    answers = read_answer_set(given, questions)
    assert answers.name == "m"
    assert answers.texts == {"7": "to seven", "3": "to three"}


def test_answers_of_several_models_are_named_after_the_file(tmp_path: Path) -> None:
    asked = read_judge_questions(write(tmp_path / "q.jsonl", {"question_id": 1, "text": "?"}))
    given = write(tmp_path / "mine.jsonl", {"question_id": 1, "text": "x"})
    assert read_answer_set(given, asked).name == "mine"


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (
            [{"question_id": 1, "text": "?"}, {"question_id": "1", "text": "?"}],
            "line 2 repeats question_id 1",
        ),
        ([{"text": "?"}], "line 1 has no 'question_id'"),
        ([{"question_id": True, "text": "?"}], "no 'question_id'"),
        ([{"question_id": 1, "text": None}], "line 1 has no 'text'"),
        ([], "no questions"),
    ],
)
def test_bad_questions_are_one_sentence(tmp_path: Path, records: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_judge_questions(write(tmp_path / "q.jsonl", *records))


def test_gaps_between_the_files_are_found(tmp_path: Path) -> None:
    asked = write(tmp_path / "q.jsonl", *({"question_id": i, "image": "x", "text": "?"} for i in range(4)))
    answers = write(tmp_path / "a.jsonl", {"question_id": 0, "text": "x"}, {"question_id": 2, "text": "x"})
    with pytest.raises(DataError, match="no answer to 2 of 4 questions, the first is question_id 1"):
        read_answer_set(answers, read_judge_questions(asked))
    with pytest.raises(DataError, match="image 'x'"):
        read_judge_questions(asked, write(tmp_path / "c.jsonl", {"image": "y", "caption": "z"}))
    with pytest.raises(DataError, match="again"):
        read_answer_set(
            write(tmp_path / "b.jsonl", *({"question_id": 0, "text": "x"},) * 2), read_judge_questions(asked)
        )


@pytest.mark.parametrize("content", [b"[1, 2]\n", b"not json\n", b"\xff\xfe\n", b"[" * 100_000])
def test_files_that_are_no_jsonl_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "q.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=r"q\.jsonl"):
        read_judge_questions(tmp_path / "q.jsonl")


def test_llava_bench_opens(shared: Path) -> None:
    folder = shared / "data" / "llava_bench"
    questions = read_judge_questions(folder / "questions.jsonl", folder / "context.jsonl")
    assert len(questions) == 60
    assert {q.category for q in questions} == {"conv", "detail", "complex"}
    assert all(q.context for q in questions)
    assert read_answer_set(folder / "answers_gpt4.jsonl", questions).name == "gpt-4-0314"
