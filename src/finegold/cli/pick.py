"""`finegold pick`: from a raw dataset to the best N rows."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options
from finegold.cli.config import Config, SaveConfig, write_config
from finegold.cli.output import OutputOptions


@options.grouped
def pick(
    context: typer.Context,
    data: options.Data,
    size: options.Size,
    out: options.SubsetOut,
    scores: options.Scores = None,
    run: Annotated[
        Path | None, typer.Option(help="Run folder, which the next pick uses again. [default: OUT.run]")
    ] = None,
    encoder: options.Encoder = None,
    strict: options.Strict = False,
    link: options.Link = False,
    config: Config = None,  # noqa: ARG001 (its callback reads it)
    save_config: SaveConfig = None,
    *,
    selection: options.PresetOptions,
    mixing: options.MixtureOptions,
    filters: options.FilterOptions,
    files: options.PresetFiles,
    dataset: options.DatasetOptions,
    computing: options.ComputeOptions,
    output: OutputOptions,
) -> None:
    """Score a dataset, cluster its images, choose rows, and write them with a manifest and a report.

    The run folder keeps everything that is computed: a second pick with other weights takes seconds, and the
    same command continues where a killed one stopped.
    """
    from finegold.cli.show import show_selection
    from finegold.run import mirror_of
    from finegold.workflow import Run
    from finegold.workflow.output import output_lock

    settings = selection.settings(size, files, mixing, filters, scores=options.names(scores))
    if save_config is not None:
        write_config(context, save_config)
    mirror = mirror_of(out.resolve())
    beside = out.resolve().with_name(f"{out.resolve().name}.run") if mirror is None else f"{mirror.url}.run"
    opened = Run.open(
        run or beside,
        dataset.source(data),
        encoder=encoder,
        compute=computing.compute(),
        strict=strict,
    )
    with output_lock(out), output.printing() as facts:
        facts |= show_selection(opened.pick(settings, check_out=out), out, link=link)
