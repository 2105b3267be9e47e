import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from finegold.errors import ConfigError, DataError
from finegold.models.prefix.answering import PrefixAnswerer, Sampling
from finegold.models.prefix.network import PrefixNetwork
from finegold.tuning.generate import generate, read_questions


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """Five questions in LLaVA-Bench's format over two pictures."""
    (tmp_path / "images").mkdir()
    for name, colour in (("001.jpg", "red"), ("002.jpg", "navy")):
        Image.new("RGB", (20, 20), colour).save(tmp_path / "images" / name)
    lines = [
        {"question_id": i, "image": f"00{1 + i % 2}.jpg", "text": f"What is this {i}?", "category": "conv"}
        for i in range(5)
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _run(asked: Path, out: Path, answerer: object, **more: object) -> list[dict[str, object]]:
    generate(
        "tiny",
        questions=asked,
        images=asked.parent / "images",
        out=out,
        answerer=answerer,  # type: ignore[arg-type]
        **{"batch": 2, "sampling": Sampling(longest=8), **more},  # type: ignore[arg-type]
    )
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_answers_are_in_llavas_format_and_in_order(asked: Path, tmp_path: Path, model: PrefixNetwork) -> None:
    answers = _run(asked, tmp_path / "a.jsonl", PrefixAnswerer(model))
    assert [line["question_id"] for line in answers] == [0, 1, 2, 3, 4]
    assert [line["prompt"] for line in answers] == [f"What is this {i}?" for i in range(5)]
    assert all(
        set(a) == {"question_id", "prompt", "text", "answer_id", "model_id", "metadata"} for a in answers
    )
    assert len({line["answer_id"] for line in answers}) == 5
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a.jsonl", "questions.jsonl"]


class _Killed(Exception):
    pass


class _Dying:
    """Answers until it has answered `batches` times."""

    def __init__(self, inner: PrefixAnswerer, batches: int) -> None:
        self.inner, self.left = inner, batches

    def answer(
        self, images: Sequence[Image.Image | None], questions: Sequence[str], sampling: Sampling
    ) -> list[str]:
        if self.left == 0:
            raise _Killed
        self.left -= 1
        return self.inner.answer(images, questions, sampling)


def test_a_killed_run_goes_on_to_the_same_answers(asked: Path, tmp_path: Path, model: PrefixNetwork) -> None:
    drawn = Sampling(longest=8, temperature=1.0, seed=3)
    whole = _run(asked, tmp_path / "whole.jsonl", PrefixAnswerer(model), sampling=drawn)
    with pytest.raises(_Killed):
        _run(asked, tmp_path / "a.jsonl", _Dying(PrefixAnswerer(model), 2), sampling=drawn)
    assert not (tmp_path / "a.jsonl").exists()
    rest = _Dying(PrefixAnswerer(model), 1)
    assert _run(asked, tmp_path / "a.jsonl", rest, sampling=drawn) == whole


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"question_id": 9, "image": "003.jpg", "text": "x"}', "line 6 cannot be asked.*003.jpg"),
        ('{"question_id": 9, "image": "../q.jpg", "text": "x"}', "line 6 cannot be asked.*leaves"),
        ('{"question_id": 9, "image": "001.jpg"}', "line 6 asks nothing"),
        ('{"question_id": 4, "image": "001.jpg", "text": "x"}', "line 6 has the question_id 4"),
        ('{"question_id": 9, ', "line 6 is no question"),
    ],
)
def test_a_bad_question_stops_before_the_first_answer(asked: Path, line: str, reason: str) -> None:
    asked.write_text(asked.read_text() + line + "\n")
    with pytest.raises(DataError, match=reason):
        read_questions(asked, asked.parent / "images")


def test_a_question_without_image_needs_a_model_that_can(
    asked: Path, tmp_path: Path, model: PrefixNetwork
) -> None:
    asked.write_text('{"text": "What is a dog?"}\n')
    with pytest.raises(ConfigError, match="came without one"):
        _run(asked, tmp_path / "a.jsonl", PrefixAnswerer(model))


def test_llava_bench_reads(shared: Path) -> None:
    folder = shared / "data" / "llava_bench"
    wild = read_questions(folder / "questions.jsonl", folder / "wild_imgs")
    coco = read_questions(folder / "coco2014_val_gpt4_qa_30x3.jsonl", folder / "coco_imgs")
    assert (len(wild), len(coco)) == (60, 90)
    assert [q.id for q in coco] == list(range(90))
