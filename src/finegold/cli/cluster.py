"""`finegold cluster`: group a run folder's rows by their images or texts."""

from typing import Annotated, Literal

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say
from finegold.errors import counted


@options.grouped
def cluster(
    run: options.RunPath,
    method: Annotated[
        Literal["spectral", "kmeans", "spherical-kmeans"], typer.Option(help="How the rows are grouped.")
    ] = "spectral",
    clusters: Annotated[int, typer.Option(min=1, help="Number of clusters.")] = 10,
    neighbours: Annotated[
        int, typer.Option(min=2, help="For `spectral`: neighbours of a row in the graph, the row included.")
    ] = 10,
    encoder: options.Encoder = None,
    seed: options.Seed = 0,
    space: Annotated[
        Literal["image", "text", "instruction", "both"], typer.Option(help="What rows are compared by.")
    ] = "image",
    text_encoder: options.TextEncoder = "minilm",
    *,
    computing: options.ComputeOptions,
    output: OutputOptions,
) -> None:
    """Cluster the rows of a run folder; `finegold select --clustering NAME` uses the clusters."""
    from finegold.workflow import Run

    opened = Run.open(run, encoder=encoder, compute=computing.compute())
    found = opened.cluster(
        method=method,
        clusters=clusters,
        neighbours=neighbours,
        seed=seed,
        space=space,
        text_encoder=text_encoder,
    )
    summary = found.summary
    with output.printing() as facts:
        facts |= {"table": found.table.folder.name, "sizes": list(summary.sizes)}
        facts |= {"components": summary.components, "note": summary.note}
        sizes = ", ".join(f"{size:,}" for size in summary.sizes)
        say(f"{counted(sum(summary.sizes), 'row')} in {counted(len(summary.sizes), 'cluster')}: {sizes}")
        if summary.components is not None:
            say(f"  the neighbour graph has {summary.components} connected parts")
        if summary.note:
            say(f"  note: {summary.note}")
        say(f"Name  {found.table.folder.name}")
