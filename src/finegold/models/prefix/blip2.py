"""BLIP-2's vision tower and Q-Former: the image side of MiniGPT-4 (arXiv 2301.12597, 2304.10592).

`Salesforce/blip2-flan-t5-xxl` holds the Q-Former that MiniGPT-4 uses; other BLIP-2 checkpoints hold others.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from finegold.errors import ModelError
from finegold.extras import check_hub, require

if TYPE_CHECKING:
    import torch

BLIP2 = "Salesforce/blip2-flan-t5-xxl"
LN_VISION_EPS = 1e-5
"""Epsilon of the norm behind the vision tower in MiniGPT-4 and LAVIS; Hugging Face's config says 1e-6."""
JOINED = 4
"""Patches that MiniGPT-4 for Llama-2 joins to a token."""
_PARTS = ("vision_model.", "qformer.", "query_tokens")
_INDEX, _SINGLE = "model.safetensors.index.json", "model.safetensors"


class Blip2Features:
    """Q-Former outputs, 32 tokens of 768 for the published checkpoint."""

    source = "blip2"

    def __init__(self, path: str = BLIP2, *, device: str = "cpu", dtype: "torch.dtype | None" = None) -> None:
        """Read the configuration; weights load at the first image.

        Args:
            path: Folder or hub id of a BLIP-2 model in safetensors.
            device: Where the tower runs.
            dtype: Precision of the vision tower; None for float16 on a GPU, as in MiniGPT-4, and float32 on a
                CPU. The Q-Former runs in float32.

        Raises:
            ModelError: If there is no BLIP-2 configuration at `path`.
        """
        transformers = require("transformers", extra="models", why="BLIP-2 features")
        torch = require("torch", extra="models", why="BLIP-2 features")
        try:
            check_hub(path)
            self._config = transformers.AutoConfig.from_pretrained(path)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(
                f"the BLIP-2 model '{path}' cannot be read ({reason}): name a folder or hub id"
            ) from None
        if self._config.model_type != "blip-2":
            raise ModelError(
                f"'{path}' is a {self._config.model_type} model, expected a BLIP-2 one such as {BLIP2}"
            )
        self._path, self._device = path, device
        self.description = {"source": self.source, "path": path}
        self._dtype = dtype or (torch.float16 if device.startswith("cuda") else torch.float32)
        self.tokens = int(self._config.num_query_tokens)
        self.width = int(self._config.qformer_config.hidden_size)

    def identity(self) -> dict[str, Any]:
        """Checkpoint, precision, epsilon of the norm, and version of the code."""
        return {**self.description, "dtype": str(self._dtype), "eps": LN_VISION_EPS, "version": 1}

    def encode(self, images: Sequence[Image.Image]) -> "torch.Tensor":
        """Q-Former outputs of the images, shape (n, 32, 768), float32."""
        import torch

        vision, qformer, queries = self._parts
        size = self._config.vision_config.image_size
        pixels = torch.stack([blip2_pixels(image, size) for image in images])
        # Not in inference mode: a projection that learns needs to keep the features for its gradient.
        with torch.no_grad():
            seen = vision(pixel_values=pixels.to(self._device, self._dtype)).last_hidden_state.float()
            mask = torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device)
            out = qformer(
                query_embeds=queries.expand(len(images), -1, -1),
                encoder_hidden_states=seen,
                encoder_attention_mask=mask,
            ).last_hidden_state
        features: torch.Tensor = out.float().cpu()
        return features

    @cached_property
    def _parts(self) -> tuple[Any, Any, Any]:
        """Vision tower, Q-Former and queries."""
        from transformers import Blip2QFormerModel, Blip2VisionModel

        tensors = read_parts(self._path)
        vision = Blip2VisionModel(self._config.vision_config)
        vision.post_layernorm.eps = LN_VISION_EPS
        qformer = Blip2QFormerModel(self._config.qformer_config)
        for module, prefix in ((vision, "vision_model."), (qformer, "qformer.")):
            state = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            if missing := module.load_state_dict(state, strict=False).missing_keys:
                raise ModelError(
                    f"'{self._path}' lacks {prefix}{missing[0]}, expected a BLIP-2 model: copy it again"
                )
        return (
            vision.eval().to(self._device, self._dtype),
            qformer.eval().float().to(self._device),
            tensors["query_tokens"].float().to(self._device),
        )


class Blip2VisionFeatures(Blip2Features):
    """The vision tower alone, four patches joined to a token: 64 tokens of 5,632, as MiniGPT-4 for Llama-2.

    The class token is dropped (`encode_img` of the published `models/minigpt4.py`, commit d94738a).
    """

    source = "blip2-vision"

    def __init__(self, path: str = BLIP2, *, device: str = "cpu", dtype: "torch.dtype | None" = None) -> None:
        """Read the configuration; see `Blip2Features`."""
        super().__init__(path, device=device, dtype=dtype)
        vision = self._config.vision_config
        self.tokens = (vision.image_size // vision.patch_size) ** 2 // JOINED
        self.width = int(vision.hidden_size) * JOINED

    def encode(self, images: Sequence[Image.Image]) -> "torch.Tensor":
        """Joined patches of the images, shape (n, 64, 5632), float32."""
        import torch

        vision, _, _ = self._parts
        size = self._config.vision_config.image_size
        pixels = torch.stack([blip2_pixels(image, size) for image in images])
        with torch.no_grad():
            seen = vision(pixel_values=pixels.to(self._device, self._dtype)).last_hidden_state.float()
        features: torch.Tensor = seen[:, 1:].reshape(len(images), self.tokens, self.width).cpu()
        return features


def blip2_pixels(image: Image.Image, size: int = 224) -> "torch.Tensor":
    """RGB image to shape (3, size, size): squeezed to a square (bicubic), normalised as CLIP does."""
    import torch
    from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    pixels = np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)
    scaled = (pixels / 255.0 - np.array(OPENAI_CLIP_MEAN, np.float32)) / np.array(OPENAI_CLIP_STD, np.float32)
    return torch.from_numpy(scaled).permute(2, 0, 1).contiguous()


def read_parts(path: str) -> "dict[str, torch.Tensor]":
    """Tensors of vision tower, Q-Former and queries; only the shards that hold them are fetched from the hub.

    Raises:
        ModelError: If the model does not exist, is not in safetensors, or lacks these tensors.
    """
    from safetensors import safe_open

    tensors: dict[str, torch.Tensor] = {}
    for shard in _shards(path):
        with safe_open(shard, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                if name.startswith(_PARTS):
                    tensors[name] = file.get_tensor(name)
    if not all(any(name.startswith(part) for name in tensors) for part in _PARTS):
        raise ModelError(
            f"'{path}' has no vision tower with a Q-Former, expected a BLIP-2 model such as {BLIP2}"
        )
    return tensors


def _shards(path: str) -> list[Path]:
    """Files that hold the tensors, fetched from the hub if the model is not a folder."""
    from transformers.utils import cached_file

    try:
        index = json.loads(Path(cached_file(path, _INDEX)).read_text(encoding="utf-8"))
        names = sorted({shard for name, shard in index["weight_map"].items() if name.startswith(_PARTS)})
    except OSError:
        names = [_SINGLE]
    try:
        return [Path(cached_file(path, name)) for name in names]
    except OSError as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"the weights of the BLIP-2 model '{path}' cannot be read ({reason}): name a folder or hub id "
            "with its safetensors files"
        ) from None
