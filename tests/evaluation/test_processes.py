"""Answers are the same bytes, whoever gives them."""

import json
from pathlib import Path

from PIL import Image
from tests.evaluation import made
from tests.evaluation.models import Colour, answer, colour_again

from finegold.engines import Compute
from finegold.engines.processes import DeviceProcesses
from finegold.evaluation.questions import generate

TWO = DeviceProcesses(Compute(), ("cpu", "cpu"))


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
    Image.new("RGB", (20, 20), "navy").save(tmp_path / "1.png")
    lines = [{"question_id": at, "image": "1.png", "text": f"What is this {at}?"} for at in range(9)]
    questions = tmp_path / "q.jsonl"
    questions.write_text("".join(json.dumps(line) + "\n" for line in lines))
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
