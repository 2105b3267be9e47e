"""The trained projection, and its two file formats: safetensors, and MiniGPT-4's `.pth` checkpoints."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finegold.errors import ModelError
from finegold.extras import require
from finegold.run.atomic import atomic_path

if TYPE_CHECKING:
    import torch

WEIGHT, BIAS = "llama_proj.weight", "llama_proj.bias"
"""Names in a MiniGPT-4 checkpoint."""
_SIZES = {4096: "7B", 5120: "13B"}
"""Vicuna's sizes by the width of its embeddings."""
_LLAMA2_INPUT = 5632


def read_projection(path: Path) -> "tuple[torch.Tensor, torch.Tensor]":
    """Weight (d, w) and bias (d,), float32, of a `.safetensors` or MiniGPT-4 `.pth` file.

    Raises:
        ModelError: If it is neither, or holds no projection. A `.pth` is read as tensors only
            (`weights_only=True`): one whose pickled configuration is of other classes is refused with what
            to do.
    """
    if not path.is_file():
        raise ModelError(f"there is no projection at {path}: name a .safetensors or .pth file")
    if path.suffix == ".safetensors":
        safetensors = require("safetensors.torch", extra="models", why="reading a projection")
        try:
            tensors = safetensors.load_file(path)
        except Exception as error:
            raise ModelError(f"{path} cannot be read as safetensors ({error}): copy it again") from None
        names = ("weight", "bias")
    else:
        tensors, names = _read_pth(path), (WEIGHT, BIAS)
    missing = [name for name in names if name not in tensors]
    if missing:
        found = ", ".join(sorted(map(str, tensors))[:5])
        raise ModelError(f"{path} has no {' and no '.join(missing)} but {found}: it holds no projection")
    weight, bias = (tensors[name].float() for name in names)
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ModelError(
            f"the projection in {path} has shapes {tuple(weight.shape)} and {tuple(bias.shape)}, "
            "expected (d, w) and (d,)"
        )
    return weight, bias


def merge_projections(
    parts: "Sequence[tuple[torch.Tensor, torch.Tensor]]", shares: Sequence[float]
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Weighted average of projections of one shape; one share of 1 gives that projection to the bit.

    Args:
        parts: Weight and bias of each.
        shares: Share of each; they sum to 1.
    """
    used = [(share, *part) for share, part in zip(shares, parts, strict=True) if share]
    if len(used) == 1:
        return used[0][1], used[0][2]
    import torch

    weights, biases = ([share * part[place] for share, *part in used] for place in (0, 1))
    return torch.stack(weights).sum(dim=0), torch.stack(biases).sum(dim=0)


def check_shape(weight: "torch.Tensor", inputs: int, outputs: int, source: str) -> None:
    """Check that a projection joins features of width `inputs` with a language model of width `outputs`.

    Raises:
        ModelError: If not; a mix-up of MiniGPT-4's 7B, 13B and Llama-2 checkpoints is named.
    """
    found = (int(weight.shape[0]), int(weight.shape[1]))
    if found == (outputs, inputs):
        return
    hint = ""
    if found[1] == _LLAMA2_INPUT:
        hint = (
            f"; {_LLAMA2_INPUT} inputs are those of the MiniGPT-4 for Llama-2, which joins four vision "
            "tokens and has no Q-Former: take the checkpoint for Vicuna, or the model minigpt4-llama2-7b"
        )
    elif found[1] == inputs:
        known = f", such as Vicuna-{_SIZES[found[0]]}" if found[0] in _SIZES else ""
        wanted = f"the {_SIZES[outputs]} checkpoint" if outputs in _SIZES else "one for this language model"
        hint = f"; it was made for language models of {found[0]:,} dimensions{known}: take {wanted}"
    raise ModelError(
        f"the projection in {source} has shape {found}, expected ({outputs}, {inputs}) for this model{hint}"
    )


def write_pth(path: Path, weight: "torch.Tensor", bias: "torch.Tensor") -> None:
    """Write a `.pth` that MiniGPT-4's code reads: `model` with `llama_proj.weight` and `.bias`, float32."""
    import torch

    state = {name: t.detach().float().cpu().contiguous() for name, t in ((WEIGHT, weight), (BIAS, bias))}
    with atomic_path(path) as temporary:
        torch.save({"model": state}, temporary)


def write_safetensors(path: Path, weight: "torch.Tensor", bias: "torch.Tensor") -> None:
    """Write `weight` and `bias` in the precision that they have."""
    from safetensors.torch import save_file

    state = {name: t.detach().cpu().contiguous() for name, t in (("weight", weight), ("bias", bias))}
    with atomic_path(path) as temporary:
        save_file(state, temporary)


def _read_pth(path: Path) -> dict[str, Any]:
    torch = require("torch", extra="models", why="reading a projection")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{path} cannot be read as tensors only ({reason}): if you trust it, save its 'model' entry "
            "by itself"
        ) from None
    model = checkpoint.get("model", checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(model, dict):
        raise ModelError(f"{path} is no MiniGPT-4 checkpoint, expected a dictionary with the entry 'model'")
    return model
