"""`finegold pick`: from a raw dataset to the best N rows."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options


def pick(
    data: options.Data,
    size: options.Size,
    out: Annotated[Path, typer.Option("--out", help="Folder for the subset, selection.json, report.html.")],
    images: options.Images = None,
    preset: options.Preset = options.DEFAULT_PRESET,
    weights: options.Weights = None,
    encoder: options.Encoder = options.DEFAULT_ENCODER,
    clusters: options.Clusters = None,
    seed: options.Seed = 0,
    dedup: options.Dedup = "none",
    targets: options.Targets = None,
    target_images: options.TargetImages = None,
    pairs: options.Pairs = None,
    selector: options.Selector = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Run folder, used again by the next pick; else OUT.run.")
    ] = None,
    format: options.DataFormat = None,
    instruction: options.Instruction = None,
    ids: options.IdsFrom = options.Ids.record,
    allow_urls: options.AllowUrls = False,
    strict: options.Strict = False,
    link: options.Link = False,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 32,
    workers: options.Workers = None,
) -> None:
    """Score a dataset, cluster its images, pick rows, and write them with a manifest and a report.

    Whatever is computed stays in the run folder: a second pick with other weights takes seconds, and a killed
    one goes on where it stopped.
    """
    from finegold.cli.show import show_pick
    from finegold.workflow import Compute, DataSource
    from finegold.workflow import pick as pick_rows

    result = pick_rows(
        DataSource.of(data, images, format, instruction, ids, allow_urls),
        size=size,
        out=out,
        run=run,
        preset=preset,
        weights=weights,
        encoder=encoder,
        clusters=clusters,
        seed=seed,
        strict=strict,
        link=link,
        machine=Compute(device, batch_size, workers),
        given=options.given(dedup, targets, target_images, pairs, selector),
    )
    show_pick(result)
