"""Image features: what a frozen image tower gives, as a few tokens an image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from finegold.errors import ModelError
from finegold.offline import efficientnet_lite0

if TYPE_CHECKING:
    import torch


class FeatureSource(Protocol):
    """A frozen image tower.

    Attributes:
        tokens: Feature vectors an image, t.
        width: Length of each, w.
    """

    tokens: int
    width: int

    def identity(self) -> dict[str, Any]:
        """What the numbers depend on, JSON-able: the name of the cache of these features."""

    def describe(self) -> dict[str, Any]:
        """What `feature_source` needs to make it again, JSON-able: part of a saved model's config."""

    def encode(self, images: "Sequence[Image.Image]") -> "torch.Tensor":
        """RGB images to features, shape (n, t, w), on the CPU, in the tower's own precision."""


class EfficientNetFeatures:
    """EfficientNet-Lite0's last map, 7x7x1280, averaged to 3x3 overlapping regions: nine tokens of 1,280."""

    NAME = "efficientnet-lite0"
    tokens = 9
    width = efficientnet_lite0.HEAD_WIDTH

    def __init__(self, device: str = "cpu") -> None:
        self._device = device

    def identity(self) -> dict[str, Any]:
        """Hash of the tower's weights and the pooling."""
        return {"source": self.NAME, "weights": efficientnet_lite0.SHA256, "pool": 3, "version": 1}

    def describe(self) -> dict[str, Any]:
        """Its name."""
        return {"source": self.NAME}

    def encode(self, images: Sequence[Image.Image]) -> "torch.Tensor":
        """Shape (n, 9, 1280), float32; regions row by row from the top left."""
        import torch

        # One picture at a time, so that its features do not depend on its neighbours in the batch.
        tower = efficientnet_lite0.load_efficientnet(self._device)
        maps = [tower(efficientnet_lite0.preprocess(image)[None]).map.cpu() for image in images]
        pooled = torch.nn.functional.adaptive_avg_pool2d(torch.cat(maps), 3)
        return pooled.flatten(2).transpose(1, 2).contiguous()


def feature_source(description: dict[str, Any], device: str = "cpu") -> FeatureSource:
    """Make the source that `describe` described.

    Raises:
        ModelError: If it is unknown, or its weights cannot be had.
    """
    name = description.get("source")
    if name == EfficientNetFeatures.NAME:
        return EfficientNetFeatures(device)
    if name == "blip2":
        from finegold.models.prefix.blip2 import Blip2Features

        return Blip2Features(str(description["path"]), device=device)
    raise ModelError(f"the image features come from '{name}', expected efficientnet-lite0 or blip2")
