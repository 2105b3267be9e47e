"""Two heads that map image and text features to one space, as functions of a dictionary of tensors.

Each head joins the tower's mean features with `queries` attention-pooled ones (each query is a learned linear
score over places or tokens, softmaxed, that weighs the mean of their features), then applies one residual
multilayer perceptron. Inputs are standardised with the mean and spread of the training data, which are part
of the weights (`*_mean`, `*_std`). Training and inference share these functions; dropout is zero outside
training.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from finegold.errors import ModelError
from finegold.offline.efficientnet_lite0 import HEAD_WIDTH, STAGES, ImageFeatures
from finegold.offline.minilm import WIDTH, TokenStates

if TYPE_CHECKING:
    import torch

Parameters: TypeAlias = "dict[str, torch.Tensor]"
"""Weights by name."""

GLOBAL_WIDTH = HEAD_WIDTH + sum(stage.width for stage in STAGES)
"""1,280 of the final map and 784 of the seven stages."""
PLACES = 49
PLACE_WIDTH = STAGES[-1].width
FORMAT = "finegold-offline-heads-1"


class ImageInputs(NamedTuple):
    """Inputs of the image head.

    Attributes:
        whole: Means over all places of the final map and of each stage's output, shape (n, 2064).
        places: The last stage's 7x7 map, shape (n, 49, 320).
    """

    whole: "torch.Tensor"
    places: "torch.Tensor"


def image_inputs(features: ImageFeatures) -> ImageInputs:
    """Reduce the tower's maps to the inputs of the head."""
    import torch

    means = [stage.mean((2, 3)) for stage in features.stages]
    return ImageInputs(
        torch.cat([features.pooled, *means], 1), features.stages[-1].flatten(2).transpose(1, 2).contiguous()
    )


def image_head(weights: Parameters, inputs: ImageInputs, *, dropout: float = 0.0) -> "torch.Tensor":
    """Image inputs to raw embeddings, shape (n, d)."""
    import torch

    whole = (inputs.whole - weights["image.whole_mean"]) / weights["image.whole_std"]
    places = (inputs.places - weights["image.place_mean"]) / weights["image.place_std"]
    attention = (places @ weights["image.query"].T + weights["image.position"]).softmax(1)
    seen = torch.einsum("npq,npc->nqc", attention, places).flatten(1)
    return _residual(weights, "image", torch.cat([whole, seen], 1), dropout)


def text_head(weights: Parameters, tokens: TokenStates, *, dropout: float = 0.0) -> "torch.Tensor":
    """Token states to raw embeddings, shape (n, d)."""
    import torch

    mean, std = weights["text.mean"], weights["text.std"]
    states = (tokens.states - mean) / std
    scores = (states @ weights["text.query"].T).masked_fill(tokens.mask[:, :, None] == 0, -1e4)
    read = torch.einsum("ntq,ntc->nqc", scores.softmax(1), states).flatten(1)
    return _residual(weights, "text", torch.cat([(tokens.pooled - mean) / std, read], 1), dropout)


def _residual(weights: Parameters, tower: str, x: "torch.Tensor", dropout: float) -> "torch.Tensor":
    from torch.nn.functional import dropout as drop
    from torch.nn.functional import gelu, layer_norm, linear

    def layer(name: str) -> "tuple[torch.Tensor, torch.Tensor]":
        return weights[f"{tower}.{name}.weight"], weights[f"{tower}.{name}.bias"]

    training = dropout > 0
    x = linear(drop(x, dropout, training), *layer("in"))
    y = gelu(linear(layer_norm(x, x.shape[1:], *layer("norm")), *layer("hidden")))
    return linear(x + drop(y, dropout, training), *layer("out"))


def initial_weights(*, queries: int, hidden: int, dim: int, seed: int) -> Parameters:
    """Weights before training; standardisation is the identity until the trainer sets it.

    Args:
        queries: Attention-pooled vectors a tower.
        hidden: Width of the perceptron.
        dim: Width of the embeddings.
        seed: Seed of the random draws.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)

    def matrix(rows: int, columns: int) -> torch.Tensor:
        bound = columns**-0.5
        return torch.empty(rows, columns).uniform_(-bound, bound, generator=generator)

    weights = {
        "image.whole_mean": torch.zeros(GLOBAL_WIDTH),
        "image.whole_std": torch.ones(GLOBAL_WIDTH),
        "image.place_mean": torch.zeros(PLACE_WIDTH),
        "image.place_std": torch.ones(PLACE_WIDTH),
        "image.query": torch.randn(queries, PLACE_WIDTH, generator=generator) * 0.02,
        "image.position": torch.zeros(PLACES, queries),
        "text.mean": torch.zeros(WIDTH),
        "text.std": torch.ones(WIDTH),
        "text.query": torch.randn(queries, WIDTH, generator=generator) * 0.02,
    }
    for tower, width in (("image", GLOBAL_WIDTH + queries * PLACE_WIDTH), ("text", WIDTH + queries * WIDTH)):
        weights[f"{tower}.in.weight"] = matrix(hidden, width)
        weights[f"{tower}.norm.weight"] = torch.ones(hidden)
        weights[f"{tower}.hidden.weight"] = matrix(hidden, hidden)
        weights[f"{tower}.out.weight"] = matrix(dim, hidden)
        for layer, size in (("in", hidden), ("norm", hidden), ("hidden", hidden), ("out", dim)):
            weights[f"{tower}.{layer}.bias"] = torch.zeros(size)
    return weights


def save_heads(weights: Parameters, path: Path) -> None:
    """Write heads as `load_heads` reads them.

    Weight matrices are rounded to 8 bits, with one scale a row (the row's largest magnitude / 127); the rest
    is in half precision.
    """
    import torch
    from safetensors.torch import save_file

    tensors = {}
    for name, tensor in weights.items():
        value = tensor.detach().cpu()
        if _is_matrix(name):
            scale = value.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
            tensors[name] = (value / scale).round().to(torch.int8)
            tensors[f"{name}.scale"] = scale
        else:
            tensors[name] = value.to(torch.float16)
    save_file(tensors, path, metadata={"format": FORMAT})


def _is_matrix(name: str) -> bool:
    return name.endswith(("in.weight", "hidden.weight", "out.weight"))


def width_of_heads(path: Path) -> int:
    """Width d of the embeddings, from the file's header alone.

    Raises:
        ModelError: If the file is not in safetensors, or does not hold heads.
    """
    with _opened(path, "numpy") as file:
        return int(file.get_slice("image.out.weight").get_shape()[0])


def load_heads(path: Path, device: str = "cpu") -> Parameters:
    """Read heads in single precision.

    Raises:
        ModelError: If the file is missing, is not in safetensors, or does not hold heads.
    """
    import torch

    with _opened(path, "pt") as file:
        tensors = {name: file.get_tensor(name).to(device, torch.float32) for name in file.keys()}  # noqa: SIM118
    weights = {name: tensor for name, tensor in tensors.items() if not name.endswith(".scale")}
    expected = set(initial_weights(queries=1, hidden=1, dim=1, seed=0))
    scales = {f"{name}.scale" for name in expected if _is_matrix(name)}
    if set(tensors) != expected | scales:
        raise _no_heads(path, "holds other tensors than those of heads")
    return {name: tensor * tensors.get(f"{name}.scale", 1) for name, tensor in weights.items()}


@contextmanager
def _opened(path: Path, framework: str) -> Iterator[Any]:
    """Open a file of heads; raises ModelError if it cannot be read or is of another format."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            found = (file.metadata() or {}).get("format", "tensors of something else")
            if found != FORMAT:
                raise _no_heads(path, f"holds {found} instead of {FORMAT}")
            yield file
    except (OSError, SafetensorError) as error:
        raise _no_heads(path, f"cannot be read ({error})") from None


def _no_heads(path: Path, reason: str) -> ModelError:
    return ModelError(
        f"the file of heads {path} {reason}: give offline:FILE a file that "
        "scripts/train_offline_encoder.py wrote"
    )
