"""Answers are the same bytes, whoever gives them."""

import json
from pathlib import Path

import pytest
from PIL import Image
from tests.evaluation import made
from tests.evaluation.models import Colour, answer, colour_again

from finegold.engines import Compute
from finegold.engines.processes import DeviceProcesses
from finegold.errors import RunError
from finegold.evaluation import evaluate
from finegold.evaluation.answering import EvaluationOptions
from finegold.evaluation.questions import generate
from finegold.evaluation.results import EvaluationResults
from finegold.run import Shard

TWO = DeviceProcesses(Compute(), ("cpu", "cpu"))


def _questions(folder: Path, number: int) -> Path:
    Image.new("RGB", (20, 20), "navy").save(folder / "1.png")
    lines = [{"question_id": at, "image": "1.png", "text": f"What is this {at}?"} for at in range(number)]
    (folder / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "q.jsonl"


def _model() -> Colour:
    model = Colour()
    model.again = colour_again
    return model


def test_items_of_a_task_are_answered_by_several_processes(tmp_path: Path) -> None:
    made.flickr30k(tmp_path, 14)
    _, whole = answer(tmp_path, tmp_path / "here")
    model, found = answer(tmp_path, tmp_path / "two", model=_model(), engine=TWO)
    assert found == whole
    assert not model.calls


def test_a_model_that_no_other_process_can_load_answers_here(tmp_path: Path) -> None:
    made.flickr30k(tmp_path, 4)
    model, _ = answer(tmp_path, tmp_path / "here", engine=TWO)
    assert len(model.calls) == 2


def test_questions_are_answered_by_several_processes(tmp_path: Path) -> None:
    questions = _questions(tmp_path, 9)
    for name, model, engine in (("here", Colour(), None), ("two", _model(), TWO)):
        generate(
            model,
            questions=questions,
            images=tmp_path,
            out=tmp_path / name,
            batch_size=2,
            engine=engine,
        )
    assert (tmp_path / "two").read_bytes() == (tmp_path / "here").read_bytes()
    assert len((tmp_path / "two").read_text().splitlines()) == 9


def test_the_last_shard_writes_the_file_and_a_killed_one_goes_on(tmp_path: Path) -> None:
    def run(name: str, shard: Shard, model: Colour) -> int:
        return generate(
            model, questions=questions, images=tmp_path, out=tmp_path / name, batch_size=2, shard=shard
        )

    questions = _questions(tmp_path, 9)
    assert run("here", Shard(), Colour()) == 9
    assert run("out", Shard(3, 3), Colour()) == 0
    with pytest.raises(RunError, match="question 1 has no answer"):
        run("out", Shard(1, 3), Colour(fails=frozenset({"What is this 1?"})))
    assert [run("out", Shard(number, 3), Colour()) for number in (1, 2)] == [0, 9]
    assert (tmp_path / "out").read_bytes() == (tmp_path / "here").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.png", "here", "out", "q.jsonl"]


def test_the_last_shard_scores_all_answers(tmp_path: Path) -> None:
    made.flickr30k(tmp_path, 14)

    def run(out: str, shard: Shard) -> EvaluationResults:
        options = EvaluationOptions(shard=shard, batch_size=1)
        return evaluate(Colour(), "flickr30k", tmp_path, tmp_path / out, options)

    whole = run("whole", Shard())
    assert [bool(run("out", Shard(number, 2))) for number in (2, 1)] == [False, True]
    assert run("out", Shard(1, 2))["tasks"] == whole["tasks"]
