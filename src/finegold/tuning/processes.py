"""One process or several (`accelerate launch`): each takes a share of a batch, gradients are summed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finegold.engines.devices import launched
from finegold.extras import require

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among `count`.

    Attributes:
        index: 0 writes files and logs.
        count: Processes that share a batch.
        device: What this one computes on.
    """

    index: int
    count: int
    device: str

    def share(self, positions: list[int]) -> list[int]:
        """This process's part of a batch."""
        return positions[self.index :: self.count]

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
