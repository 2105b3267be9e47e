from pathlib import Path

import pytest
import torch

from finegold.errors import ModelError
from finegold.models.prefix.projection import check_shape, read_projection, write_pth, write_safetensors


def _checkpoint(path: Path, outputs: int, inputs: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A checkpoint as MiniGPT-4 writes it: buffers of frozen parts stay in, an optimiser beside the model."""
    weight, bias = torch.randn(outputs, inputs), torch.randn(outputs)
    model = {
        "llama_proj.weight": weight,
        "llama_proj.bias": bias,
        "llama_model.model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4),
        "Qformer.bert.embeddings.position_ids": torch.arange(4)[None],
    }
    torch.save(
        {"model": model, "optimizer": {}, "config": {"run": {"seed": 42}}, "scaler": {}, "epoch": 4}, path
    )
    return weight, bias


def test_pth_in_and_out_bit_for_bit(tmp_path: Path) -> None:
    weight, bias = _checkpoint(tmp_path / "in.pth", 8, 6)
    read = read_projection(tmp_path / "in.pth")
    write_pth(tmp_path / "out.pth", *read)
    raw = torch.load(tmp_path / "out.pth", weights_only=True)["model"]
    assert sorted(raw) == ["llama_proj.bias", "llama_proj.weight"]
    assert torch.equal(raw["llama_proj.weight"], weight)
    assert torch.equal(raw["llama_proj.bias"], bias)


def test_safetensors_in_and_out_bit_for_bit(tmp_path: Path) -> None:
    weight, bias = torch.randn(8, 6), torch.randn(8)
    write_safetensors(tmp_path / "p.safetensors", weight, bias)
    again = read_projection(tmp_path / "p.safetensors")
    assert torch.equal(again[0], weight)
    assert torch.equal(again[1], bias)


@pytest.mark.parametrize(
    ("found", "wanted", "hint"),
    [
        ((5120, 768), (4096, 768), r"Vicuna-13B: take the 7B checkpoint"),
        ((4096, 768), (5120, 768), r"Vicuna-7B: take the 13B checkpoint"),
        ((4096, 5632), (4096, 768), r"MiniGPT-4 for Llama-2"),
        ((2048, 768), (4096, 768), r"2,048 dimensions"),
    ],
)
def test_a_mix_up_is_named(found: tuple[int, int], wanted: tuple[int, int], hint: str) -> None:
    with pytest.raises(ModelError, match=hint):
        check_shape(torch.empty(found), inputs=wanted[1], outputs=wanted[0], source="x.pth")


def test_a_file_without_projection_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {"Qformer.query": torch.ones(2)}}, tmp_path / "other.pth")
    with pytest.raises(
        ModelError, match=r"has no llama_proj.weight and no llama_proj.bias but Qformer.query"
    ):
        read_projection(tmp_path / "other.pth")


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {"llama_proj.weight": Path("/etc")}}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match="cannot be read as tensors only"):
        read_projection(tmp_path / "evil.pth")
