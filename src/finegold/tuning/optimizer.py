"""The optimiser as MiniGPT-4 sets it up (public code, `runners/runner_base.py`)."""

from typing import TYPE_CHECKING

from finegold.tuning.recipe import Recipe

if TYPE_CHECKING:
    import torch


def adamw(parameters: "dict[str, torch.nn.Parameter]", recipe: Recipe) -> "torch.optim.AdamW":
    """AdamW with two groups: names with `bias`, `ln` or `bn`, and vectors, do not decay; the rest does.

    For a projection: the weight decays and the bias does not.
    """
    import torch

    plain = [p for name, p in parameters.items() if _plain(name, p)]
    decayed = [p for name, p in parameters.items() if not _plain(name, p)]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=recipe.rate, betas=recipe.betas)


def _plain(name: str, parameter: "torch.nn.Parameter") -> bool:
    return parameter.ndim < 2 or any(part in name for part in ("bias", "ln", "bn"))
