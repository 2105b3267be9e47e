"""Parts of a training step: its rows, this process's share of them, and the optimiser.

The rows are a function of seed and step alone, so that a run can go on at any step.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finegold.engines.devices import launched
from finegold.extras import require
from finegold.tuning.recipe import Recipe

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Order:
    """Passes over the rows in batches, each pass shuffled; a pass's rest is dropped, as MiniGPT-4 does.

    With fewer rows than a batch, passes are joined until they fill one.
    """

    rows: int
    batch: int
    seed: int

    def at(self, step: int) -> list[int]:
        """Positions of the rows of a 0-based step."""
        used = self.rows // self.batch * self.batch or self.rows
        places = [divmod(place, used) for place in range(step * self.batch, (step + 1) * self.batch)]
        passes = {
            number: np.random.default_rng([self.seed, number]).permutation(self.rows)
            for number in {number for number, _ in places}
        }
        return [int(passes[number][place]) for number, place in places]

    def instruction(self, step: int, instructions: tuple[str, ...]) -> str:
        """The instruction of a step, one for its whole batch."""
        return random.Random(f"{self.seed}-instruction-{step}").choice(instructions)


def adamw(parameters: "dict[str, torch.nn.Parameter]", recipe: Recipe) -> "torch.optim.AdamW":
    """AdamW as MiniGPT-4 sets it up (public code, `runners/runner_base.py`).

    Names with `bias`, `ln` or `bn`, and vectors, do not decay; the rest does. For a projection: the weight
    decays and the bias does not.
    """
    import torch

    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in parameters.items():
        plain = parameter.ndim < 2 or any(part in name for part in ("bias", "ln", "bn"))
        groups.setdefault(0.0 if plain else recipe.weight_decay, []).append(parameter)
    return torch.optim.AdamW(
        [{"params": group, "weight_decay": decay} for decay, group in groups.items()],
        lr=recipe.rate,
        betas=recipe.betas,
    )


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together: each takes a share of a batch, gradients are summed.

    Attributes:
        index: Number of this process; 0 writes files and logs.
        count: Number of processes that share a batch.
        device: Device that this process computes on.
    """

    index: int
    count: int
    device: str

    def sum(self, tensors: "Iterable[torch.Tensor]") -> None:
        """Replace each tensor by its sum over the processes."""
        if self.count == 1:
            return
        import torch.distributed as distributed

        for tensor in tensors:
            distributed.all_reduce(tensor)

    def wait(self) -> None:
        """Wait until all processes have come to this call."""
        if self.count > 1:
            import torch.distributed as distributed

            distributed.barrier()


def join_processes(device: str) -> Processes:
    """This process among those that were launched together; a single one computes on `device`.

    Raises:
        MissingExtraError: If there are several processes and `accelerate` is not installed.
    """
    if launched() == 1:
        return Processes(0, 1, device)
    accelerate = require("accelerate", extra="models", why="training on several devices")
    state = accelerate.PartialState(cpu=device == "cpu")
    return Processes(state.process_index, state.num_processes, str(state.device))
