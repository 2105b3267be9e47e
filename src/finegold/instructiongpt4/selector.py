"""The selector network of InstructionGPT-4, in numpy: two attention layers of width 16 and a linear head.

Read from the published code (waltonfuture/InstructionGPT-4, selector/model/models.py). One layer is
`x = x + attention(x); x = linear(x)` with four heads and no activation. The published model hands a tensor of
shape (rows, copies, 16) to `torch.nn.MultiheadAttention`, whose default layout is sequence first: attention
runs across the rows, so a row's score depends on every other row of the pool. The 114 copies of a row at test
time are equal and attend apart from one another, so one copy gives the same score.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finegold.arrays import Floats
from finegold.errors import ModelError
from finegold.extras import require
from finegold.run import atomic_path

_ADVICE = "give the released selector.pth, or one that `finegold reproduce` has written"
WIDTH = 16
HEADS = 4
LAYERS = 2
_LAYER = {
    "multihead_attns.{}.in_proj_weight": (3 * WIDTH, WIDTH),
    "multihead_attns.{}.in_proj_bias": (3 * WIDTH,),
    "multihead_attns.{}.out_proj.weight": (WIDTH, WIDTH),
    "multihead_attns.{}.out_proj.bias": (WIDTH,),
    "linears.{}.weight": (WIDTH, WIDTH),
    "linears.{}.bias": (WIDTH,),
}
_SHAPES = {"linear.weight": (1, WIDTH), "linear.bias": (1,)} | {
    name.format(layer): shape for layer in range(LAYERS) for name, shape in _LAYER.items()
}
_BLOCK = 64  # attention rows at a time: such a block of 3,439 columns stays in the processor's cache


@dataclass(frozen=True, slots=True)
class Selector:
    """Weights of one trained selector.

    Attributes:
        weights: Tensor name as in the checkpoint, without the prefix `module.`, to float64 array.
    """

    weights: dict[str, Floats]

    def score(self, features: Floats) -> Floats:
        """Score a pool.

        Args:
            features: Shape (n, 16), columns in the order of `FEATURES`.

        Returns:
            Shape (n,), on the scale of the training labels (about 11 to 38 on the published pool).
        """
        x = features
        for layer in range(LAYERS):
            x = x + self._attention(x, f"multihead_attns.{layer}.")
            x = self._linear(x, f"linears.{layer}.")
        return self._linear(x, "linear.")[:, 0]

    def _linear(self, x: Floats, name: str) -> Floats:
        result: Floats = x @ self.weights[f"{name}weight"].T + self.weights[f"{name}bias"]
        return result

    def _attention(self, x: Floats, name: str) -> Floats:
        projected = x @ self.weights[f"{name}in_proj_weight"].T + self.weights[f"{name}in_proj_bias"]
        queries, keys, values = np.split(projected, 3, axis=1)
        attended = np.empty_like(x)
        size = WIDTH // HEADS
        scaled = keys / np.sqrt(size)
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            for start in range(0, len(x), _BLOCK):
                rows = slice(start, start + _BLOCK)
                share = queries[rows, part] @ scaled[:, part].T
                share -= share.max(axis=1, keepdims=True)
                np.exp(share, out=share)
                attended[rows, part] = (share @ values[:, part]) / share.sum(axis=1, keepdims=True)
        return self._linear(attended, f"{name}out_proj.")


def write_selector(selector: Selector, path: Path) -> None:
    """Write a checkpoint in the published layout, which `read_selector` reads back.

    Raises:
        MissingExtraError: If torch is not installed.
    """
    torch = require("torch", extra="models", why=f"the selector checkpoint {path.name}")
    with atomic_path(path) as temporary:
        torch.save({name: torch.tensor(values) for name, values in selector.weights.items()}, temporary)


def read_selector(path: Path) -> Selector:
    """Read a checkpoint in the published layout; tensors only, no code in the file is run.

    Raises:
        MissingExtraError: If torch is not installed.
        ModelError: If the file is no table of tensors, or a tensor is missing or has another shape.
    """
    torch = require("torch", extra="models", why=f"the selector checkpoint {path.name}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        weights = {
            name.removeprefix("module."): tensor.numpy().astype(np.float64) for name, tensor in state.items()
        }
    except Exception as error:  # torch raises many kinds, from OSError to UnpicklingError
        reason = f"{type(error).__name__}: {error}"
        raise ModelError(f"{path} cannot be read as a table of tensors ({reason}): {_ADVICE}") from error
    for name, shape in _SHAPES.items():
        if name not in weights or weights[name].shape != shape:
            found = "nothing" if name not in weights else f"shape {weights[name].shape}"
            raise ModelError(
                f"{path} holds {found} as '{name}' where the published selector has shape {shape}: {_ADVICE}"
            )
    return Selector(weights)
