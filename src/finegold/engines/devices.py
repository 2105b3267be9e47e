"""Compute settings, and the devices of torch."""

import os
from dataclasses import dataclass

from finegold.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Compute:
    """How to compute. None of these settings changes a number beyond floating-point noise.

    Attributes:
        device: Device of models: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        batch_size: Images a forward pass.
        workers: Threads that decode images; the cores of the process if None.
    """

    device: str = "auto"
    batch_size: int = 32
    workers: int | None = None


def resolve_device(device: str) -> str:
    """`auto` to `cuda`, `mps` or `cpu`, whichever is there first; anything else is checked and returned.

    Raises:
        ConfigError: If torch does not have the device.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"the device '{device}' cannot be used ({reason}): give auto or cpu") from None
    return device


def launched() -> int:
    """Number of processes that `accelerate launch` has started together; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def only_gpu(device: str) -> str:
    """Leave this process the one GPU that it is to use, by `CUDA_VISIBLE_DEVICES`.

    Transformers' trainer spreads over all GPUs that it sees and multiplies the batch by their number. Where
    `accelerate launch` has started several processes each has one already, and nothing is changed.

    Args:
        device: `auto`, `cuda`, `cuda:1`... counted among those visible now; others are returned as they are.

    Returns:
        What the device is called from now on.

    Raises:
        ConfigError: If this process has used several GPUs before, since they cannot be hidden any more.
    """
    kind, _, number = device.partition(":")
    if kind not in ("auto", "cuda") or launched() > 1:
        return device
    import torch

    count = torch.cuda.device_count()
    numbers = [str(place) for place in range(count)]
    if count < 2 or number not in ("", *numbers):
        return device
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch leaves it untyped
        raise ConfigError(
            f"this process has used some of its {count} GPUs already, and the trainer would take them all: "
            "start a new one with CUDA_VISIBLE_DEVICES set to one of them"
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else numbers
    os.environ["CUDA_VISIBLE_DEVICES"] = names[int(number or 0)]
    return "cuda"
