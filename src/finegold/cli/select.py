"""`finegold select`: choose rows from what a run folder holds."""

from typing import Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions


@options.grouped
def select(
    run: options.RunPath,
    size: options.Size,
    out: options.SubsetOut,
    encoder: options.Encoder = None,
    scores: options.Scores = None,
    clustering: Annotated[
        str | None,
        typer.Option(help="Name of clusters that `finegold cluster` made, in place of the preset's."),
    ] = None,
    link: options.Link = False,
    *,
    selection: options.PresetOptions,
    mixing: options.MixtureOptions,
    filters: options.FilterOptions,
    files: options.PresetFiles,
    output: OutputOptions,
) -> None:
    """Choose rows by the scores and embeddings that the run folder holds; computes neither.

    The clusters of the preset are made from the embeddings. If the run folder has several tables of one kind,
    the command lists them and needs --scores, --clustering or --encoder.
    """
    from finegold.cli.show import show_selection
    from finegold.workflow import Run
    from finegold.workflow.output import output_lock

    settings = selection.settings(
        size, files, mixing, filters, clustering=clustering, scores=options.names(scores)
    )
    with output_lock(out), output.printing() as facts:
        facts |= show_selection(
            Run.open(run, encoder=encoder).select(settings, check_out=out), out, link=link
        )
