"""The encoder `offline`, from packages of PyPI alone: photos of 224 px and English sentences."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from finegold.arrays import Vectors
from finegold.engines.devices import resolve_device
from finegold.errors import ModelError
from finegold.extras import check_installed
from finegold.offline import efficientnet_lite0, minilm
from finegold.offline.heads import Parameters, image_head, image_inputs, load_heads, text_head, width_of_heads
from finegold.offline.weights import check_sha256
from finegold.run import file_sha256
from finegold.samples.words import split_windows

if TYPE_CHECKING:
    import torch

HEADS = Path(__file__).parent / "trained" / "heads.safetensors"
HEADS_SHA256 = "f8ef78966eef9821e2581fee9b4f0638d56f5f8d94580ea818af9151391ffc80"
"""Hash of the heads that finegold carries; docs/offline-encoder.md is their model card."""
VERSION = 1
"""Version of the code, raised when it computes other numbers from the same weights."""


class OfflineEncoder:
    """EfficientNet-Lite0 and all-MiniLM-L6-v2 behind the heads of a safetensors file."""

    def __init__(self, name: str = "offline", *, device: str = "auto", heads: Path | None = None) -> None:
        """Check the heads and read the width of the embeddings; the towers load later.

        Args:
            name: Name that the user gave.
            device: `auto`, `cpu`, `cuda`, `mps`, or one of several such as `cuda:1`.
            heads: File from scripts/train_offline_encoder.py that replaces finegold's heads.

        Raises:
            MissingExtraError: If torch or safetensors is not installed.
            ModelError: If the heads are missing or not the expected ones.
        """
        for module in ("torch", "safetensors"):
            check_installed(module, extra="offline", why="the encoder 'offline'")
        self.name = name
        self._asked_device = device
        if heads is None:
            check_sha256(HEADS, HEADS_SHA256, "the encoder 'offline'")
        elif not heads.is_file():
            raise ModelError(f"there are no heads at {heads}: give offline:FILE an existing file")
        self._path = heads or HEADS
        self._heads_sha256 = file_sha256(self._path)
        self.dim = width_of_heads(self._path)

    # Torch takes seconds to import, and a run whose embeddings are computed already needs only the identity.
    @cached_property
    def _device(self) -> str:
        return resolve_device(self._asked_device)

    @cached_property
    def _weights(self) -> Parameters:
        return load_heads(self._path, self._device)

    def identity(self) -> dict[str, Any]:
        """Hashes of the three weight files, and the version of the code around them."""
        return {
            "encoder": "offline",
            "version": VERSION,
            "heads": self._heads_sha256,
            "image_tower": efficientnet_lite0.SHA256,
            "text_tower": minilm.SHA256,
            "dtype": "float32",
        }

    def load(self) -> None:
        """Load both towers.

        Raises:
            MissingExtraError: If a package with weights is not installed.
            ModelError: If weights are not the expected ones.
        """
        efficientnet_lite0.load_efficientnet(self._device)
        minilm.load_minilm(self._device)

    def preprocess(self, image: Image.Image) -> "torch.Tensor":
        """RGB image, squeezed to 224x224, to shape (3, 224, 224)."""
        return efficientnet_lite0.preprocess(image)

    def encode_images(self, inputs: "Sequence[torch.Tensor]") -> Vectors:
        """Raw embeddings, shape (n, d)."""
        import torch

        with torch.inference_mode():
            features = efficientnet_lite0.load_efficientnet(self._device)(torch.stack(list(inputs)))
            return image_head(self._weights, image_inputs(features)).cpu().numpy()

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Raw embeddings, shape (n, d); a text beyond 256 tokens is cut there."""
        return self.text_projections(self.tokenize(texts))

    def tokenize(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        """One padded batch of tokens on the encoder's device."""
        return minilm.load_minilm(self._device).tokenize([plain(text) for text in texts])

    def text_projections(self, tokens: "dict[str, torch.Tensor]") -> Vectors:
        """Raw embeddings of a batch that `tokenize` made."""
        import torch

        with torch.inference_mode():
            states = minilm.load_minilm(self._device).states(tokens)
            return text_head(self._weights, states).cpu().numpy()

    def cuts(self, text: str) -> bool:
        """Whether the text has more than 256 tokens."""
        text = plain(text)
        # A text has at most as many word pieces as characters, and two markers.
        return len(text) + 2 > minilm.MAX_TOKENS and self._count_tokens(text) > minilm.MAX_TOKENS

    def windows(self, text: str) -> list[str]:
        """Single sentences, on which the text head was trained; one beyond 256 tokens is split."""
        return split_windows(text, self._count_tokens, minilm.MAX_TOKENS, join=False)

    def _count_tokens(self, text: str) -> int:
        return minilm.load_minilm(self._device).count_tokens(text)


def plain(text: str) -> str:
    """The text without the full stop and spaces at its end, as the text head was trained."""
    return text.strip().rstrip(". ")
