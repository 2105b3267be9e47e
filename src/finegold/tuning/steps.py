"""What a training step takes: its rows, this process's share of them, and the optimiser.

The rows are a function of seed and step alone, so that a run can go on anywhere.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from finegold.engines.devices import launched
from finegold.extras import require
from finegold.tuning.recipe import Recipe

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


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
        if self.rows < self.batch:
            needed = range(step * self.batch, (step + 1) * self.batch)
            return [int(self._pass(place // self.rows)[place % self.rows]) for place in needed]
        batches = self.rows // self.batch
        start = step % batches * self.batch
        return [int(row) for row in self._pass(step // batches)[start : start + self.batch]]

    def instruction(self, step: int, instructions: tuple[str, ...]) -> str:
        """The step's instruction, one for its whole batch."""
        return random.Random(f"{self.seed}-instruction-{step}").choice(instructions)

    def _pass(self, number: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        return np.random.default_rng([self.seed, number]).permutation(self.rows)


def adamw(parameters: "dict[str, torch.nn.Parameter]", recipe: Recipe) -> "torch.optim.AdamW":
    """AdamW as MiniGPT-4 sets it up (public code, `runners/runner_base.py`).

    Names with `bias`, `ln` or `bn`, and vectors, do not decay; the rest does. For a projection: the weight
    decays and the bias does not.
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


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together: each takes a share of a batch, gradients are summed.

    Attributes:
        index: 0 writes files and logs.
        count: Processes that share a batch.
        device: What this one computes on.
    """

    index: int
    count: int
    device: str

    def share(self, batch: list[T]) -> list[T]:
        """This process's part of a batch."""
        return batch[self.index :: self.count]

    def sum(self, tensors: "Iterable[torch.Tensor]") -> None:
        """Replace each tensor by its sum over the processes."""
        if self.count == 1:
            return
        import torch.distributed as distributed

        for tensor in tensors:
            distributed.all_reduce(tensor)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            import torch.distributed as distributed

            distributed.barrier()


def join_processes(device: str) -> Processes:
    """This process's place; `device` is used as it is where there is only one.

    Raises:
        MissingExtraError: If there are several and `accelerate` is not installed.
    """
    if launched() == 1:
        return Processes(0, 1, device)
    accelerate = require("accelerate", extra="models", why="training on several devices")
    state = accelerate.PartialState(cpu=device == "cpu")
    return Processes(state.process_index, state.num_processes, str(state.device))
