"""`finegold cluster`: group a run folder's rows by their images."""

from enum import StrEnum
from typing import Annotated

import typer

from finegold.cli import options


class Method(StrEnum):
    """Clustering methods, as `--method` takes them."""

    spectral = "spectral"
    kmeans = "kmeans"
    spherical_kmeans = "spherical-kmeans"


def cluster(
    run: options.RunPath,
    method: Annotated[Method, typer.Option("--method", help="How to group the images.")] = Method.spectral,
    clusters: Annotated[int, typer.Option("--clusters", min=1, help="Number of clusters.")] = 10,
    neighbours: Annotated[
        int,
        typer.Option(
            "--neighbours", min=2, help="Neighbours of a row in the graph, itself counted; `spectral` only."
        ),
    ] = 10,
    encoder: options.Encoder = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 32,
    workers: options.Workers = None,
) -> None:
    """Cluster the images of a run folder; `finegold select --clustering NAME` picks within these clusters."""
    from finegold.cli.show import show_clusters
    from finegold.workflow import Compute, Run

    opened = Run.open(run, encoder=encoder, compute=Compute(device, batch_size, workers))
    table = opened.cluster(method=method.value, clusters=clusters, neighbours=neighbours, seed=seed)
    show_clusters(table)
