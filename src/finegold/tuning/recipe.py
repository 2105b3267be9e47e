"""Recipes: short TOML files with the settings of a training; the built-in ones are in `recipes`."""

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from finegold.errors import ConfigError, first_fault
from finegold.models.prefix.storage import is_prefix_name, read_config
from finegold.registry import read_toml
from finegold.samples.images import Decoding

if TYPE_CHECKING:
    import torch

BUILT_IN = ("finegold.tuning", "recipes")
"""Package and folder of the built-in recipes."""


Beta = Annotated[float, Field(ge=0, lt=1)]
"""What AdamW takes: 0 or more, and below 1."""


class Recipe(BaseModel, extra="forbid", frozen=True, allow_inf_nan=False):
    """Settings of a training. A step is an optimiser update, and a batch is shared by all devices.

    Attributes:
        kind: `prefix` for projected-prefix models, `huggingface` for any other vision-language model.
        trains: `projection` or `everything` for `prefix`, `lora` or `everything` for `huggingface`.
        steps: Number of optimiser steps.
        batch: Rows of a step.
        instructions: Instructions of which one is drawn for each batch; empty takes those of the rows.
        longest_answer: Number of tokens at which an answer is cut, end symbol included; cuts are counted.
        rate: Learning rate at the end of the warm-up.
        rate_floor: Learning rate at the end of the cosine.
        warmup_rate: Learning rate of step 0.
        warmup_steps: Steps before the cosine applies.
        epoch_steps: Steps of an "epoch", inside which the warm-up counts; 0 counts from the start.
        weight_decay: Weight decay of matrices; biases and norms have none.
        save_every: Steps between checkpoints.
        precision: `float16` and `bfloat16` by autocast on GPUs; on a CPU float32 is used.
        clip: Largest norm of the gradient; 0 does not clip.
        augment: Whether to show a random crop of half to all of an image each time, as MiniGPT-4 did until
            November 2023; the feature cache is not used then.
        micro_batch: Rows that a device takes at a time in `huggingface` recipes; 0 for its whole share of a
            batch.
        template: Prompt format that replaces the model's; None keeps it.
        captions: `blip` puts answers through BLIP's caption processor, as MiniGPT-4's stage 1 does.
        decoding: `original` decodes images by Pillow's conversion alone, as the published code does.
    """

    name: str
    about: str
    kind: Literal["prefix", "huggingface"]
    trains: Literal["projection", "everything", "lora"]
    steps: int = Field(gt=0)
    batch: int = Field(gt=0)
    seed: int = Field(default=42, ge=0, lt=2**32)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    longest_answer: int = Field(default=160, gt=0)
    instructions: tuple[str, ...] = ()
    template: str | None = None
    augment: bool = False
    captions: Literal["as they are", "blip"] = "as they are"
    decoding: Decoding = "finegold"

    rate: float = Field(gt=0)
    rate_floor: float = Field(default=0.0, ge=0)
    warmup_rate: float = Field(default=0.0, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    epoch_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    clip: float = Field(default=0.0, ge=0)

    save_every: int = Field(default=200, gt=0)
    log_every: int = Field(default=1, gt=0)

    micro_batch: int = Field(default=0, ge=0)
    lora_rank: int = Field(default=16, gt=0)
    lora_alpha: int = Field(default=32, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> "Recipe":
        part = "projection" if self.kind == "prefix" else "lora"
        if self.trains not in (part, "everything"):
            raise ValueError(f"a {self.kind} recipe trains '{part}' or 'everything', not '{self.trains}'")
        return self

    def added(self) -> set[str]:
        """Fields that older versions lack, where they change nothing: fingerprints do without them."""
        fields = type(self).model_fields
        return {name for name in ("captions", "decoding") if getattr(self, name) == fields[name].default}

    def half(self, device: str) -> "torch.dtype | None":
        """Half precision of computing on a GPU; None for float32, and on other devices."""
        import torch

        if not device.startswith("cuda") or self.precision == "float32":
            return None
        return torch.float16 if self.precision == "float16" else torch.bfloat16

    def rate_at(self, step: int) -> float:
        """Learning rate of a 0-based step: linear warm-up, then half a cosine.

        As in MiniGPT-4's public code (commit d94738a, `common/optims.py`), the cosine's clock starts at
        step 0 and not after the warm-up, so the rate drops when the warm-up ends.
        """
        if step < self.warmup_steps:
            within = step % self.epoch_steps if self.epoch_steps else step
            rise = (self.rate - self.warmup_rate) * within / max(self.warmup_steps, 1)
            return min(self.rate, self.warmup_rate + rise)
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.rate_floor + (self.rate - self.rate_floor) * cosine


def load_recipe(name: str, **changes: object) -> Recipe:
    """Read a recipe by name, or from a file such as `my.toml`.

    Args:
        name: Name of a built-in recipe, or a path ending in `.toml`.
        changes: Fields that replace the recipe's; None keeps a field.

    Raises:
        ConfigError: If the recipe does not exist, or a field is unknown or out of range.
    """
    set_ = {key: value for key, value in changes.items() if value is not None}
    try:
        return Recipe.model_validate(read_toml(name, *BUILT_IN, "recipe") | set_)
    except ValidationError as error:
        fault = first_fault(error, Recipe.model_fields)
        raise ConfigError(f"the recipe {name} cannot be used: {fault}") from None


def default_recipe(model: str) -> str:
    """Name of a model's usual recipe: a tuned folder has that of the model which it was tuned from."""
    if not is_prefix_name(model):
        return "hf-lora"
    template = read_config(model).template
    if template == "minigpt4-llama2":
        return "minigpt4-llama2-stage2"
    return "minigpt4-stage2" if template.startswith("minigpt4") else "offline-stage2"
