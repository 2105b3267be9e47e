"""`finegold replay`: the same subset again, or what differs."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options

SHOWN = 20
"""Differences that are listed one by one."""


def replay(
    selection: Annotated[Path, typer.Argument(metavar="SELECTION", help="A selection.json.")],
    data: Annotated[Path, typer.Option("--data", help="The dataset that it was chosen from.")],
    images: options.Images = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the subset; without it, the rows are only checked."),
    ] = None,
    format: options.DataFormat = None,
    allow_urls: options.AllowUrls = False,
    link: options.Link = False,
    workers: options.Workers = None,
) -> None:
    """Make a subset again from its selection.json, each row held against the hash of its content.

    The dataset may have been shuffled or extended since. Exits with 1 and says which rows are gone or changed
    if the subset cannot be the same.
    """
    from finegold.cli.show import shown
    from finegold.selection.manifest import read_manifest
    from finegold.workflow import DataSource
    from finegold.workflow import replay as replay_rows

    manifest = read_manifest(selection)
    source = DataSource.of(
        data, images, format, manifest.dataset.instruction, manifest.dataset.ids, allow_urls
    )
    result = replay_rows(selection, source, out, link=link, workers=workers)
    if result.differences:
        for sentence in result.differences[:SHOWN]:
            print(sentence)
        if len(result.differences) > SHOWN:
            print(f"and {len(result.differences) - SHOWN:,} more")
        print(
            f"{len(result.differences):,} of {len(manifest.rows):,} chosen rows differ: nothing was written"
        )
        raise typer.Exit(1)
    print(f"All {len(manifest.rows):,} chosen rows are there and the same.")
    if result.subset is not None:
        print(f"Subset  {shown(result.subset.data)}")
