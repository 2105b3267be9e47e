"""`finegold pick`: from a raw dataset to the best N rows."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options


def pick(
    data: options.Data,
    size: options.Size,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the subset, selection.json, its table and report.html.")
    ],
    images: options.Images = None,
    preset: options.Preset = options.DEFAULT_PRESET,
    weights: options.Weights = None,
    encoder: options.Encoder = None,
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
    from finegold.cli.show import show_selection
    from finegold.dedup import parse_dedup
    from finegold.workflow import Compute, DataSource, Run, SelectionSettings

    settings = SelectionSettings.of(
        preset,
        size,
        weights,
        seed=seed,
        clusters=clusters,
        dedup=parse_dedup(dedup),
        files=options.files(targets, target_images, pairs, selector),
    )
    opened = Run.open(
        run or out.resolve().with_name(f"{out.resolve().name}.run"),
        DataSource.of(data, images, format, instruction, ids, allow_urls),
        encoder=encoder,
        compute=Compute(device, batch_size, workers),
        strict=strict,
    )
    selection = opened.pick(settings, out)
    show_selection(selection, selection.write(out, link=link), out)
