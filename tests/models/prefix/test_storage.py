import json
from pathlib import Path

import pytest
import torch
from tests.models.conftest import llama_tokenizer, tiny_llama

from finegold.errors import DataError, ModelError
from finegold.models.prefix.blip2 import Blip2Features
from finegold.models.prefix.features import EfficientNetFeatures
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.storage import is_prefix_name, load_network, save_network
from finegold.models.prefix.template import template_named


def _model() -> PrefixNetwork:
    return PrefixNetwork(
        EfficientNetFeatures(),
        torch.nn.Linear(1280, 16),
        tiny_llama(),
        llama_tokenizer(),
        template_named("minigpt4-vicuna0"),
        "somewhere",
    )


def test_a_saved_model_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    model = _model()
    save_network(model, tmp_path / "m", with_language_model=True, dtype=torch.float32)
    assert is_prefix_name(str(tmp_path / "m"))
    again = load_network(str(tmp_path / "m"), device="cpu")
    assert torch.equal(again.projection.weight, model.projection.weight)
    before, after = model.language_model.state_dict(), again.language_model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (again.template, again.tokenizer.pad_token_id) == (model.template, 3997)
    assert again.tokenizer.encode("a dog", add_special_tokens=False) == model.tokenizer.encode(
        "a dog", add_special_tokens=False
    )


def test_a_frozen_language_model_is_named_and_not_copied(tmp_path: Path) -> None:
    model = _model()
    model.language_model.save_pretrained(tmp_path / "llm")
    model.tokenizer.save_pretrained(tmp_path / "llm")
    model.language_model_name = str(tmp_path / "llm")
    save_network(model, tmp_path / "m", with_language_model=False, dtype=torch.float32)
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["config.json", "projection.safetensors"]
    again = load_network(str(tmp_path / "m"), device="cpu")
    assert torch.equal(again.language_model.lm_head.weight, model.language_model.lm_head.weight)


def test_a_projection_of_another_model_is_refused(tmp_path: Path) -> None:
    save_network(_model(), tmp_path / "m", with_language_model=True, dtype=torch.float32)
    from finegold.models.prefix.projection import write_safetensors

    write_safetensors(tmp_path / "m" / "projection.safetensors", torch.ones(24, 1280), torch.ones(24))
    with pytest.raises(ModelError, match=r"has shape \(24, 1280\), expected \(16, 1280\)"):
        load_network(str(tmp_path / "m"), device="cpu")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"model_type": "llava"}, "'features' is missing"),
        ({"format": "finegold-projected-prefix-1"}, "'features' is missing"),
        ([1], "it should be an object with fields"),
    ],
)
def test_another_config_is_refused(tmp_path: Path, config: object, found: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        DataError, match=f"config.json cannot be read: {found}; name a folder that finegold tune wrote"
    ):
        load_network(str(tmp_path), device="cpu")


def test_a_missing_language_model_is_one_sentence(tmp_path: Path) -> None:
    model = _model()
    model.language_model_name = str(tmp_path / "gone")
    save_network(model, tmp_path / "m", with_language_model=False, dtype=torch.float32)
    with pytest.raises(ModelError, match=r"there is no model '.*gone': give the path of a folder"):
        load_network(str(tmp_path / "m"), device="cpu")


def test_blip2_without_config_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="BLIP-2 model"):
        Blip2Features(str(tmp_path))
