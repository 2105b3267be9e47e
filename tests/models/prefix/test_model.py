import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.models.conftest import in_memory, tiny_model
from torch import nn

from finegold.errors import ConfigError
from finegold.models import Sampling
from finegold.models.prefix.features import EFFICIENTNET
from finegold.models.prefix.model import PrefixModel
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.storage import FORMAT
from finegold.models.prefix.template import encode_answer, encode_prompt

IMAGES = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "white")]
PROMPTS = ["Describe this image in detail.", "what is in the image", "a dog"]
ANSWERS = ["a dog runs.", "the cat sleeps. a dog runs at me.", "a cat"]


def speaking() -> PrefixModel:
    """A tiny model that chooses only ids with a piece of text: of the 32,000 ids few have one."""
    network = tiny_model()
    known = [index for index in range(32000) if network.tokenizer.convert_ids_to_tokens(index)]
    with torch.no_grad():
        weight = network.language_model.lm_head.weight
        chosen = weight[known] * 15
        weight.zero_()
        weight[known] = chosen
    return in_memory(network)


def test_a_batch_answers_as_single_questions_do() -> None:
    model, sampling = speaking(), Sampling(max_new_tokens=6)
    together = model.answer(IMAGES, PROMPTS, sampling)
    assert all(together)
    assert together == [model.answer([i], [p], sampling)[0] for i, p in zip(IMAGES, PROMPTS, strict=True)]


def test_draws_depend_on_the_seed_alone() -> None:
    def drawn(seed: int) -> list[str]:
        return speaking().answer(IMAGES, PROMPTS, Sampling(24, temperature=1.0, top_p=0.9, seed=seed))

    first = drawn(1)
    state = torch.get_rng_state()
    assert drawn(1) == first != drawn(2)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_answer_is_shown_token_by_token_and_stays_the_same() -> None:
    shown: list[str] = []
    model, sampling = speaking(), Sampling(max_new_tokens=8, temperature=1.0, seed=3)
    found = model.reply(IMAGES[0], [], PROMPTS[0], sampling, shown.append)
    assert found == speaking().reply(IMAGES[0], [], PROMPTS[0], sampling)
    assert len(shown) == 8
    assert all(found.startswith(text) for text in shown)


class Parrot(nn.Module):
    """A head that always says the same tokens, one a call."""

    def __init__(self, tokens: list[int]) -> None:
        super().__init__()
        self.tokens, self.said = tokens, 0

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(*hidden.shape[:-1], 32000)
        logits[..., self.tokens[self.said]] = 1.0
        self.said += 1
        return logits


def test_an_answer_stops_before_the_end_symbol() -> None:
    network = tiny_model()
    ids = encode_answer(network.tokenizer, network.template, "a dog runs.")
    parrot = Parrot([*ids, 2, 2])
    network.language_model.set_output_embeddings(parrot)
    answers = in_memory(network).answer(IMAGES[:1], PROMPTS[:1], Sampling(30))
    assert answers == ["a dog runs."]
    assert parrot.said == len(ids)


def test_a_question_without_image_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'tiny' answers about an image .* give --image"):
        speaking().answer([IMAGES[0], None], PROMPTS[:2], Sampling())


def test_losses_are_those_of_the_training_form_and_add_up() -> None:
    answering = speaking()
    network = answering.network
    prompts = [encode_prompt(network.tokenizer, network.template, prompt) for prompt in PROMPTS]
    ids = [encode_answer(network.tokenizer, network.template, answer) for answer in ANSWERS]
    with torch.inference_mode():
        whole = network.token_losses(network.collate(prompts, ids), network.features.encode(IMAGES)).sum()
    for batch_size in (1, 2, 3):
        found = answering.losses(IMAGES, PROMPTS, ANSWERS, batch_size=batch_size)
        assert [len(nats) for nats in found] == [len(one) for one in ids]
        np.testing.assert_allclose(sum(map(sum, found)), float(whole), rtol=1e-5)
    cut = answering.losses(IMAGES, PROMPTS, ANSWERS, max_tokens=4)
    for short, long in zip(cut, found, strict=True):
        np.testing.assert_allclose(short, long[:4], rtol=1e-4)


def test_a_hidden_image_tells_nothing_and_a_shown_one_does() -> None:
    answering = speaking()
    shown = [answering.losses([image] * 3, PROMPTS, ANSWERS) for image in IMAGES[:2]]
    hidden = [answering.losses([image] * 3, PROMPTS, ANSWERS, mask_images=True) for image in IMAGES[:2]]
    absent = answering.losses([None] * 3, PROMPTS, ANSWERS)
    for row in range(3):
        assert not np.array_equal(shown[0][row], shown[1][row])
        assert np.array_equal(hidden[0][row], hidden[1][row])
        assert np.array_equal(hidden[0][row], absent[row])
        assert not np.allclose(hidden[0][row], shown[0][row])
    mixed = answering.losses([IMAGES[0], None, IMAGES[0]], PROMPTS, ANSWERS)
    np.testing.assert_allclose(mixed[0], shown[0][0], rtol=1e-4)
    np.testing.assert_allclose(mixed[1], absent[1], rtol=1e-4)


def test_without_the_question_an_answer_has_another_loss() -> None:
    answering = speaking()
    (with_question,) = answering.losses(IMAGES[:1], PROMPTS[:1], ANSWERS[:1])
    (without,) = answering.losses(IMAGES[:1], [None], ANSWERS[:1])
    assert len(with_question) == len(without)
    assert not np.allclose(with_question, without)


def test_identity_covers_every_file_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "language_model").mkdir()
    for name in ("projection.safetensors", "language_model/model.safetensors"):
        (tmp_path / name).write_text("one")
    config = {"format": FORMAT, "features": EFFICIENTNET, "template": "smollm2"}
    (tmp_path / "config.json").write_text(json.dumps(config | {"language_model": "language_model"}))
    before = PrefixModel(str(tmp_path)).identity()
    (tmp_path / "language_model" / "model.safetensors").write_text("two")

    after = PrefixModel(str(tmp_path)).identity()

    assert set(before["files"]) == {
        "config.json",
        "projection.safetensors",
        "language_model/model.safetensors",
    }
    assert before != after


def test_a_conversation_is_read_pair_by_pair(model: PrefixNetwork) -> None:
    answering = in_memory(model)
    dialogues = [[(PROMPTS[0], ANSWERS[0]), (PROMPTS[1], ANSWERS[1])], [(PROMPTS[2], ANSWERS[2])]]
    found = answering.dialogue_losses(IMAGES[:2], dialogues)
    shown = [IMAGES[0], IMAGES[0], IMAGES[1]]
    for one, other in zip([*found[0], *found[1]], answering.losses(shown, PROMPTS, ANSWERS), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    assert answering.count_tokens(ANSWERS[0]) < len(found[0][0])
