"""Image features of frozen image towers, a few tokens an image, and a cache of them on disk."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from finegold.errors import ModelError, RunError
from finegold.offline import efficientnet_lite0
from finegold.run import fingerprint
from finegold.run.hashed_array import read_hashed_array, write_hashed_array
from finegold.samples.images import Decoding

if TYPE_CHECKING:
    import torch


class FeatureSource(Protocol):
    """A frozen image tower.

    Attributes:
        tokens: Number of feature vectors an image, t.
        width: Length of each, w.
        description: Argument of `feature_source` for this tower, JSON-able; part of a saved model's config.
    """

    tokens: int
    width: int
    description: dict[str, Any]

    def identity(self) -> dict[str, Any]:
        """All that the features depend on, JSON-able; it names their cache."""

    def encode(self, images: "Sequence[Image.Image]") -> "torch.Tensor":
        """RGB images to features, shape (n, t, w), on the CPU, in the tower's precision."""


EFFICIENTNET = {"source": "efficientnet-lite0"}


class EfficientNetFeatures:
    """EfficientNet-Lite0's last map, 7x7x1280, averaged to 3x3 overlapping regions: nine tokens of 1,280."""

    tokens = 9
    width = efficientnet_lite0.HEAD_WIDTH

    def __init__(self, device: str = "cpu") -> None:
        self._device, self.description = device, EFFICIENTNET

    def identity(self) -> dict[str, Any]:
        """Hash of the tower's weights and the pooling."""
        return {**self.description, "weights": efficientnet_lite0.SHA256, "pool": 3, "version": 1}

    def encode(self, images: Sequence[Image.Image]) -> "torch.Tensor":
        """Features of the images, shape (n, 9, 1280), float32; regions row by row from the top left."""
        import torch

        # One picture at a time, so that its features do not depend on its neighbours in the batch.
        tower = efficientnet_lite0.load_efficientnet(self._device)
        maps = [tower(efficientnet_lite0.preprocess(image)[None]).map.cpu() for image in images]
        pooled = torch.nn.functional.adaptive_avg_pool2d(torch.cat(maps), 3)
        return pooled.flatten(2).transpose(1, 2).contiguous()


def feature_source(description: dict[str, Any], device: str = "cpu") -> FeatureSource:
    """Make the image tower of a description.

    Raises:
        ModelError: If the tower is unknown, or its weights are missing.
    """
    if description == EFFICIENTNET:
        return EfficientNetFeatures(device)
    if (name := description.get("source")) == "blip2":
        from finegold.models.prefix.blip2 import Blip2Features

        return Blip2Features(str(description["path"]), device=device)
    if name == "blip2-vision":
        from finegold.models.prefix.blip2 import Blip2VisionFeatures

        return Blip2VisionFeatures(str(description["path"]), device=device)
    raise ModelError(
        f"the image features come from '{name}', expected efficientnet-lite0, blip2 or blip2-vision: copy "
        "the model again"
    )


ENCODE_BATCH = 16
"""Number of images decoded at a time."""


class FeatureCache:
    """Features of one source, on disk; each image has a file named by the sha256 of its bytes.

    MiniGPT-4's stage 2 shows an image some sixty times; its tower and Q-Former are frozen, so they run once
    an image. Files are written whole or not at all, so runs may share the folder. The cache is a source too.
    """

    def __init__(self, folder: Path, source: FeatureSource, decoding: Decoding = "finegold") -> None:
        """Name the sub-folder by the source's identity; nothing is written before the first image.

        Args:
            folder: Folder of all caches.
            source: Computes the features.
            decoding: How the images are decoded that `fill` gets.
        """
        self.source = source
        self.tokens, self.width, self.description = source.tokens, source.width, source.description
        self.identity = source.identity
        depends = source.identity() | ({} if decoding == "finegold" else {"decoding": decoding})
        self.folder = folder / f"features-{fingerprint(depends)}"

    def path(self, sha256: str) -> Path:
        """File of the image whose encoded bytes have this hash."""
        return self.folder / sha256[:2] / f"{sha256}.npy"

    def missing(self, hashes: Sequence[str]) -> list[str]:
        """Hashes without a file, each once, in order."""
        return [sha256 for sha256 in dict.fromkeys(hashes) if not self.path(sha256).is_file()]

    def fill(self, hashes: Sequence[str], image: Callable[[str], Image.Image]) -> Iterator[int]:
        """Compute the features that are missing; yields the number of images of each group when it is done.

        Args:
            hashes: Hashes of the images that will be needed.
            image: Decodes the image of a hash.
        """
        missing = self.missing(hashes)
        for start in range(0, len(missing), ENCODE_BATCH):
            group = missing[start : start + ENCODE_BATCH]
            features = self.source.encode([image(sha256) for sha256 in group])
            for sha256, feature in zip(group, features, strict=True):
                write_hashed_array(self.path(sha256), feature.numpy())
            yield len(group)

    def read(self, hashes: Sequence[str]) -> "torch.Tensor":
        """Features of the images, shape (n, t, w).

        Raises:
            RunError: If a file is missing or damaged; names the file, which is made again once it is deleted.
        """
        import torch

        found = []
        for path in map(self.path, hashes):
            try:
                values = read_hashed_array(path)
                if values.shape != (self.tokens, self.width):
                    raise ValueError(f"the shape is {values.shape}, expected {(self.tokens, self.width)}")
            except (OSError, ValueError, EOFError) as error:
                raise RunError(
                    f"cached features at {path} cannot be read ({error}): delete it and run again"
                ) from None
            found.append(torch.from_numpy(values))
        return torch.stack(found)

    def encode(self, images: Sequence[Image.Image]) -> "torch.Tensor":
        """Features from the cache, where the images have names made from their pixels."""
        hashes = [hashlib.sha256(f"{i.mode} {i.size}".encode() + i.tobytes()).hexdigest() for i in images]
        known = dict(zip(hashes, images, strict=True))
        list(self.fill(hashes, known.__getitem__))
        return self.read(hashes)
