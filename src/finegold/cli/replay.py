"""`finegold replay`: the same subset again, or what differs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say

if TYPE_CHECKING:
    from finegold.workflow.replay import Replayed

SHOWN = 20
"""Differences that are listed one by one."""


@options.grouped
def replay(
    selection: Annotated[Path, typer.Argument(metavar="SELECTION", help="A selection.json file.")],
    data: Annotated[str, typer.Option(help="Dataset that the rows were chosen from.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the subset. [default: check the rows only]")
    ] = None,
    link: options.Link = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of threads that read images. [default: all cores]")
    ] = None,
    *,
    dataset: options.DatasetOptions,
    output: OutputOptions,
) -> None:
    """Make a subset again from its selection.json; each row is compared with the hash of its content.

    The dataset may have another order or new rows. Instruction, ids and columns are those of the selection,
    unless they are given. If chosen rows are missing or changed, the command lists them, writes nothing, and
    exits with 1.
    """
    from finegold.selection.manifest import read_manifest
    from finegold.workflow import replay as replay_rows
    from finegold.workflow.replay import source_as_selected

    manifest = read_manifest(selection)
    source = source_as_selected(manifest.dataset, data, **dataset.reading())
    result = replay_rows(selection, source, out, link=link, workers=workers)
    with output.printing() as facts:
        facts |= {
            "rows": len(manifest.rows),
            "differences": list(result.differences),
            "subset": None if result.subset is None else str(result.subset.data),
        }
        _show(result, len(manifest.rows))


def _show(result: "Replayed", rows: int) -> None:
    from finegold.cli.show import shown

    if result.differences:
        for sentence in result.differences[:SHOWN]:
            say(sentence)
        if len(result.differences) > SHOWN:
            say(f"and {len(result.differences) - SHOWN:,} more")
        say(f"{len(result.differences):,} of {rows:,} chosen rows differ: nothing was written")
        raise typer.Exit(1)
    say(f"All {rows:,} chosen rows are there and the same.")
    if result.subset is not None:
        say(f"Subset  {shown(result.subset.data)}")
