"""Options on who computes, and how."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from finegold.engines import Compute, Engine

Device = Annotated[str, typer.Option(help="`auto`, `cpu`, `cuda`, `cuda:1` or `mps`.")]


@dataclass(frozen=True)
class EngineOptions:
    """Who computes."""

    devices: Annotated[
        str | None,
        typer.Option(
            help="Compute with one process for each of these devices, in place of --device: `all` for every "
            "GPU, `cuda:0,cuda:1`, or a number of processes as in `cpu*4`."
        ),
    ] = None
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="`local` computes on this computer, `ray` on a Ray cluster, with one actor a GPU."),
    ] = "local"
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of the Ray cluster, HOST:PORT, or `auto`. [default: RAY_ADDRESS, or this computer]"
        ),
    ] = None

    def on(self, device: str) -> "Engine":
        """The engine; `device` is that of --device."""
        from finegold.engines import Compute, choose_engine

        return choose_engine(Compute(device, **asdict(self)))


@dataclass(frozen=True)
class ComputeOptions(EngineOptions):
    """How scores and embeddings are computed."""

    device: Device = "auto"
    batch_size: Annotated[int, typer.Option(min=1, help="Number of images in a forward pass.")] = 32
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of threads that decode images. [default: all cores]")
    ] = None

    def compute(self) -> "Compute":
        """The compute settings as the workflow takes them."""
        from finegold.engines import Compute, choose_engine

        compute = Compute(**asdict(self))
        choose_engine(compute)  # before hours of work: a device that is not there is found at once
        return compute
