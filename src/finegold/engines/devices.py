"""Compute settings, and the devices of torch."""

import os
from dataclasses import dataclass
from typing import Literal

from finegold.errors import ConfigError
from finegold.run.cards import FieldCard

EngineName = Literal["local", "ray"]
MOST_PROCESSES = 256
"""Processes of one device: more is a slip of the hand."""


@dataclass(frozen=True, slots=True)
class Compute(FieldCard):
    """How to compute. None of these settings changes a number beyond floating-point noise.

    Attributes:
        device: Device of models: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        batch_size: Images a forward pass.
        workers: Threads that decode images; the cores of the process if None.
        devices: One process for each of these devices, in place of this process: see `parse_devices`.
        shard: Which parts of the tables are made, such as `2/8`; None for all.
        engine: `local`, or `ray` for the actors of a Ray cluster.
        address: Address of the Ray cluster; None for that of RAY_ADDRESS, or for this computer alone.
    """

    device: str = "auto"
    batch_size: int = 32
    workers: int | None = None
    devices: str | None = None
    shard: str | None = None
    engine: EngineName = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError if options are given together that exclude one another."""
        if self.address is not None and self.engine != "ray":
            raise ConfigError("--address is for --engine ray: leave it out")
        if self.engine == "ray" and self.device != "auto":
            raise ConfigError(
                f"--device {self.device} is for this computer, and --engine ray is given: give --devices, as "
                "in cuda*8 or cpu*4"
            )
        if self.devices is not None and self.device != "auto":
            raise ConfigError(
                f"--device {self.device} and --devices {self.devices} are given: leave one of them out"
            )


def parse_devices(text: str) -> tuple[str, ...]:
    """The device of each process: `all` for every GPU, or names with numbers of processes, `cuda:0,cpu*4`.

    Raises:
        ConfigError: If it has another form, or torch does not have a device.
    """
    if text.strip() == "all":
        import torch

        count = torch.cuda.device_count()
        if not count:
            raise ConfigError(
                "--devices is all, and torch sees no GPU: give a number of processes, as in cpu*4"
            )
        return tuple(f"cuda:{number}" for number in range(count))
    found: list[str] = []
    for part in text.split(","):
        name, star, number = (one.strip() for one in part.partition("*"))
        if (name not in ("cpu", "mps") and not name.startswith("cuda")) or (star and not number.isdecimal()):
            raise ConfigError(
                f"--devices is '{text}', expected all, or devices such as cuda:0,cuda:1 or cpu*4"
            )
        count = int(number) if star else 1
        if not 1 <= count <= MOST_PROCESSES:
            raise ConfigError(f"--devices is '{text}', expected 1 to {MOST_PROCESSES} processes of a device")
        found += [name if name == "cpu" else resolve_device(name)] * count
    return tuple(found)


def parse_actors(text: str | None) -> tuple[int | None, bool | None]:
    """Number of actors of a Ray cluster, and whether each has a GPU, of `cpu*4`, `cuda*8`, `all` or None.

    Raises:
        ConfigError: If it has another form.
    """
    if text is None:
        return None, None
    if text.strip() == "all":
        return None, True
    name, star, number = (one.strip() for one in text.partition("*"))
    if name not in ("cpu", "cuda") or not star or not number.isdecimal() or not int(number):
        raise ConfigError(
            f"--devices is '{text}', expected with --engine ray a number of actors, such as cuda*8 or cpu*4, "
            "or all for one a GPU"
        )
    return int(number), name == "cuda"


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
