import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image
from tests.evaluation.models import Colour
from tests.models.conftest import InMemory, in_memory, tiny_model

from finegold.errors import ConfigError, DataError, RunError
from finegold.evaluation.questions import generate, read_question_file
from finegold.models import Sampling
from finegold.models.base import GREEDY
from finegold.samples import Exclusion
from finegold.samples.images import Decoding


@pytest.fixture
def questions(tmp_path: Path) -> Path:
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


def tiny() -> InMemory:
    return in_memory(tiny_model())


def _run(
    questions: Path, out: Path, model: InMemory, sampling: Sampling | None = None
) -> list[dict[str, object]]:
    generate(
        model,
        questions=questions,
        images=questions.parent / "images",
        out=out,
        batch_size=2,
        sampling=sampling or Sampling(max_new_tokens=8),
    )
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_answers_are_in_llavas_format_and_in_order(questions: Path, tmp_path: Path) -> None:
    answers = _run(questions, tmp_path / "a.jsonl", tiny())
    assert [line["question_id"] for line in answers] == [0, 1, 2, 3, 4]
    assert [line["prompt"] for line in answers] == [f"What is this {i}?" for i in range(5)]
    assert all(
        set(a) == {"question_id", "prompt", "text", "answer_id", "model_id", "metadata", "sha256"}
        for a in answers
    )
    assert len({line["answer_id"] for line in answers}) == 5
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a.jsonl", "questions.jsonl"]


def test_answers_of_another_model_are_not_overwritten(questions: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    first = _run(questions, out, tiny())
    before = out.read_bytes()
    other = tiny()
    other.name = "another"
    with pytest.raises(ConfigError, match="holds answers of the model 'tiny'"):
        _run(questions, out, other)
    with pytest.raises(ConfigError, match="would replace them"):
        _run(questions, out, tiny(), sampling=Sampling(max_new_tokens=9))
    assert out.read_bytes() == before
    assert _run(questions, out, tiny()) == first
    out.write_text("my notes\n")
    with pytest.raises(ConfigError, match="something else than answers"):
        _run(questions, out, tiny())
    assert out.read_text() == "my notes\n"


class _Killed(Exception):
    pass


class _Dying(InMemory):
    """Answers until it has answered `batches` times."""

    def __init__(self, batches: int) -> None:
        super().__init__("tiny")
        self.network = in_memory(tiny_model()).network
        self.left = batches

    def answer(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling = GREEDY
    ) -> list[str]:
        if self.left == 0:
            raise _Killed
        self.left -= 1
        return super().answer(images, prompts, sampling)


class _Silent(InMemory):
    """Gives no answer to the second question of a batch."""

    def answer(  # type: ignore[override] # as an endpoint's model may
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling = GREEDY
    ) -> list[str | Exclusion]:
        return ["yes", Exclusion("no-answer", "it said nothing")]


def test_a_killed_run_goes_on_to_the_same_answers(questions: Path, tmp_path: Path) -> None:
    drawn = Sampling(8, temperature=1.0, seed=3)
    whole = _run(questions, tmp_path / "whole.jsonl", tiny(), sampling=drawn)
    with pytest.raises(_Killed):
        _run(questions, tmp_path / "a.jsonl", _Dying(2), sampling=drawn)
    assert not (tmp_path / "a.jsonl").exists()
    rest = _Dying(1)
    assert _run(questions, tmp_path / "a.jsonl", rest, sampling=drawn) == whole


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            '{"question_id": 9, "image": "003.jpg", "text": "x"}',
            "line 6 has an image that cannot be used.*003.jpg",
        ),
        (
            '{"question_id": 9, "image": "../q.jpg", "text": "x"}',
            "line 6 has an image that cannot be used.*leaves",
        ),
        ('{"question_id": 9, "image": "001.jpg"}', "line 6 has no question"),
        ('{"question_id": 4, "image": "001.jpg", "text": "x"}', "line 6 has the question_id 4"),
        ('{"question_id": 9, ', "line 6 is no question"),
    ],
)
def test_a_bad_question_stops_before_the_first_answer(questions: Path, line: str, reason: str) -> None:
    questions.write_text(questions.read_text() + line + "\n")
    with pytest.raises(DataError, match=reason):
        read_question_file(questions, questions.parent / "images")


def test_a_question_without_image_needs_a_model_that_can(questions: Path, tmp_path: Path) -> None:
    questions.write_text('{"text": "What is a dog?"}\n')
    with pytest.raises(ConfigError, match="came without one"):
        _run(questions, tmp_path / "a.jsonl", tiny())


def test_a_question_without_an_answer_stops_the_run_and_is_named(questions: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the question 1 has no answer \(it said nothing\)"):
        _run(questions, tmp_path / "a.jsonl", _Silent("tiny"))
    assert not (tmp_path / "a.jsonl").exists()


def test_llava_bench_reads(shared: Path) -> None:
    folder = shared / "data" / "llava_bench"
    wild = read_question_file(folder / "questions.jsonl", folder / "wild_imgs")
    coco = read_question_file(folder / "coco2014_val_gpt4_qa_30x3.jsonl", folder / "coco_imgs")
    assert (len(wild), len(coco)) == (60, 90)
    assert [q.id for q in coco] == list(range(90))


def test_images_are_decoded_as_the_originals_do_where_that_is_named(tmp_path: Path) -> None:
    """Transparent pixels are white, or show the colour that they hide."""
    Image.new("RGBA", (8, 8), (200, 10, 30, 0)).save(tmp_path / "1.png")
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question_id": 0, "image": "1.png", "text": "a?"}\n')

    def answered(out: Path, decoding: Decoding) -> dict[str, object]:
        generate(Colour(), questions=questions, images=tmp_path, out=out, decoding=decoding)
        found: dict[str, object] = json.loads(out.read_text())
        return found

    usual, original = (answered(tmp_path / f"{name}.jsonl", name) for name in ("finegold", "original"))
    assert "(255, 255, 255)" in str(usual["text"])
    assert "(200, 10, 30)" in str(original["text"])
    kept = original["metadata"]
    assert isinstance(kept, dict)
    assert kept["decoding"] == "original"
    assert "decoding" not in str(usual["metadata"])
    with pytest.raises(ConfigError, match="under the settings of this command would replace them"):
        answered(tmp_path / "finegold.jsonl", "original")
