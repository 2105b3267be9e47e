"""`tune` end to end on the real classes: MiniGPT-4's parts, tiny and random."""

import json
from pathlib import Path

import pytest
import torch
from tests.models.conftest import llama_tokenizer, tiny_llama
from tests.models.prefix.test_blip2 import folder as blip2_folder

from finegold.errors import ConfigError, ModelError
from finegold.models.prefix import Parts, load_network
from finegold.models.prefix.projection import read_projection, write_pth
from finegold.tuning import default_recipe, tune

__all__ = ["blip2_folder"]


@pytest.fixture
def parts(tmp_path: Path, blip2_folder: Path) -> Parts:
    vicuna = tmp_path / "vicuna"
    tiny_llama().save_pretrained(vicuna)
    llama_tokenizer().save_pretrained(vicuna)
    torch.manual_seed(0)
    stage1 = torch.nn.Linear(12, 16)
    write_pth(tmp_path / "stage1.pth", stage1.weight, stage1.bias)
    return Parts(str(vicuna), str(blip2_folder), tmp_path / "stage1.pth")


def test_minigpt4_from_pth_to_pth(pool: Path, tmp_path: Path, parts: Parts) -> None:
    out = tmp_path / "out"
    result = tune(
        pool,
        model="minigpt4-7b",
        out=out,
        parts=parts,
        steps=3,
        batch_size=4,
        device="cpu",
        features=tmp_path / "c",
    )
    assert (result.rows, result.steps) == (10, 3)
    weight, _ = read_projection(out / "projection.pth")
    assert parts.projection is not None
    assert not torch.equal(weight, read_projection(parts.projection)[0])
    again = load_network(str(out), device="cpu")
    assert torch.equal(again.projection.weight, weight)
    assert again.tokenizer.pad_token_id == 3997
    summary = json.loads((out / "tuning.json").read_text())
    assert summary["recipe"]["steps"] == 3
    assert summary["rows"] == 10


def test_a_finished_training_keeps_its_summary(pool: Path, tmp_path: Path, parts: Parts) -> None:
    out = tmp_path / "out"
    common = {"steps": 2, "batch_size": 4, "device": "cpu", "features": tmp_path / "c"}
    first = tune(pool, model="minigpt4-7b", out=out, parts=parts, **common)  # type: ignore[arg-type]
    written = (out / "tuning.json").read_bytes()
    again = tune(pool, model="minigpt4-7b", out=out, parts=parts, **common)  # type: ignore[arg-type]
    assert (again.done, again.seconds) == (0, first.seconds)
    assert (out / "tuning.json").read_bytes() == written


def test_a_tuned_model_can_be_tuned_again(pool: Path, tmp_path: Path, parts: Parts) -> None:
    common = {"steps": 2, "batch_size": 4, "device": "cpu", "features": tmp_path / "c"}
    tune(pool, model="minigpt4-7b", out=tmp_path / "one", parts=parts, **common)  # type: ignore[arg-type]
    tune(pool, model=str(tmp_path / "one"), out=tmp_path / "two", recipe="minigpt4-stage2", **common)  # type: ignore[arg-type]
    assert (tmp_path / "two" / "projection.pth").is_file()


def test_a_13b_checkpoint_is_named(pool: Path, tmp_path: Path, parts: Parts) -> None:
    write_pth(tmp_path / "13b.pth", torch.ones(5120, 12), torch.ones(5120))
    wrong = Parts(parts.language_model, parts.vision_model, tmp_path / "13b.pth")
    with pytest.raises(ModelError, match="Vicuna-13B"):
        tune(pool, model="minigpt4-7b", out=tmp_path / "out", parts=wrong, device="cpu")


def test_a_recipe_that_does_not_fit_the_model_is_refused(pool: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="try offline-stage2"):
        tune(pool, model="offline", out=tmp_path / "out", recipe="hf-lora")
    assert default_recipe("llava-hf/llava-1.5-7b-hf") == "hf-lora"


def test_parts_belong_to_models_that_are_put_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has its own parts"):
        load_network("offline", parts=Parts(language_model="x"))
