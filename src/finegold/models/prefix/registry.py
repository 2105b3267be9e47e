"""What a user may name as MODEL, and the projected-prefix model that it stands for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finegold.engines.devices import resolve_device
from finegold.errors import ConfigError
from finegold.models.prefix.blip2 import BLIP2, Blip2Features
from finegold.models.prefix.features import EfficientNetFeatures
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.storage import (
    LANGUAGE_MODEL,
    OFFLINE,
    SMOLLM2,
    build_network,
    is_prefix_model,
    read_network,
)
from finegold.models.prefix.template import template_named
from finegold.offline.captioner import MODEL_FOLDER, SHA256
from finegold.offline.weights import check_sha256

if TYPE_CHECKING:
    import torch

VICUNA = "Vision-CAIR/vicuna-7b"
"""Vicuna-7B v0, merged; v1.1 and later end their turns otherwise and do not fit MiniGPT-4's checkpoints."""
PADDING = "$$"
"""MiniGPT-4's padding token, an ordinary item of LLaMA's vocabulary (id 3997)."""
NEW_MODELS = ("offline-smollm2", "minigpt4-7b")
"""Models that are put together from parts."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of a model that replace the usual ones.

    Attributes:
        language_model: Folder or hub id.
        vision_model: Folder or hub id of a BLIP-2 model.
        projection: A `.safetensors` or `.pth` file: MiniGPT-4's stage-1 checkpoint, to run stage 2 from.
    """

    language_model: str | None = None
    vision_model: str | None = None
    projection: Path | None = None


def is_prefix_name(model: str) -> bool:
    """Whether MODEL is a projected-prefix model; if not, it is taken for a Hugging Face one."""
    return model == "offline" or model in NEW_MODELS or is_prefix_model(Path(model))


def default_recipe(model: str) -> str:
    """The recipe that a model is tuned with unless another is named."""
    if model == "minigpt4-7b":
        return "minigpt4-stage2"
    return "offline-stage2" if is_prefix_name(model) else "hf-lora"


def load_network(
    model: str,
    *,
    parts: Parts | None = None,
    template: str | None = None,
    seed: int = 0,
    device: str = "auto",
    dtype: "torch.dtype | None" = None,
) -> PrefixNetwork:
    """Load `offline`, `offline-smollm2`, `minigpt4-7b`, or a folder of an earlier training.

    Args:
        model: What the user named.
        parts: For `offline-smollm2` and `minigpt4-7b`.
        template: PromptTokens format in place of the model's own.
        seed: Of a projection that is made new.
        device: `auto`, `cpu`, `cuda`...
        dtype: Precision of the language model; None for float32.

    Raises:
        ConfigError: If parts are given for a model that has its own.
        ModelError: If something cannot be loaded or does not fit.
    """
    where = resolve_device(device)
    parts = parts or Parts()
    if model not in NEW_MODELS:
        if parts != Parts():
            raise ConfigError(
                f"the model '{model}' has its own parts: give them only with {' or '.join(NEW_MODELS)}"
            )
        loaded = read_network(_folder(model), device=where, dtype=dtype)
        if model == "offline":
            loaded.language_model_name = OFFLINE
        if template is not None:
            loaded.template = template_named(template)
        return loaded
    if model == "offline-smollm2":
        return build_network(
            EfficientNetFeatures(where),
            parts.language_model or SMOLLM2,
            template_named(template or "smollm2"),
            projection=parts.projection,
            seed=seed,
            device=where,
            dtype=dtype,
        )
    return build_network(
        Blip2Features(parts.vision_model or BLIP2, device=where),
        parts.language_model or VICUNA,
        template_named(template or "minigpt4-vicuna0"),
        projection=parts.projection,
        padding_token=PADDING,
        seed=seed,
        device=where,
        dtype=dtype,
    )


def _folder(model: str) -> Path:
    if model != "offline":
        return Path(model)
    check_sha256(MODEL_FOLDER / LANGUAGE_MODEL / "model.safetensors", SHA256, "the offline model")
    return MODEL_FOLDER
