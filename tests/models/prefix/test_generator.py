from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tests.models.conftest import tiny_model

from finegold.models.prefix.generator import PrefixGenerator
from finegold.models.registry import find_profile

IMAGES = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "white")]
PROMPTS = ["Describe this image in detail.", "what is in the image", "a dog"]


def generator(profile: str = "greedy", seed: int = 0) -> Any:
    made = PrefixGenerator("tiny", find_profile(profile), seed=seed)
    model = tiny_model()
    # Of the 32,000 ids only some have a piece of text: the others are never chosen.
    known = [index for index in range(32000) if model.tokenizer.convert_ids_to_tokens(index)]
    with torch.no_grad():
        weight = model.language_model.lm_head.weight
        chosen = weight[known] * 15
        weight.zero_()
        weight[known] = chosen
    made._model = model
    return made


def test_a_batch_answers_as_single_questions_do() -> None:
    together = generator().generate(IMAGES, PROMPTS, 6)

    assert all(together)
    assert together == [generator().generate([i], [p], 6)[0] for i, p in zip(IMAGES, PROMPTS, strict=True)]


def test_the_sampling_profile_draws_by_seed() -> None:
    first, again, other = (generator("ehub-2023", seed).generate(IMAGES, PROMPTS, 24) for seed in (1, 1, 2))

    assert first == again != other


def test_identity_covers_every_file_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "language_model").mkdir()
    for name in ("config.json", "projection.safetensors", "language_model/model.safetensors"):
        (tmp_path / name).write_text("one")
    before = PrefixGenerator(str(tmp_path), find_profile("greedy")).identity()
    (tmp_path / "language_model" / "model.safetensors").write_text("two")

    after = PrefixGenerator(str(tmp_path), find_profile("greedy")).identity()

    assert set(before["files"]) == {
        "config.json",
        "projection.safetensors",
        "language_model/model.safetensors",
    }
    assert before != after
