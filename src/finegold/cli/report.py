"""`finegold report`: draw the report of a selection again."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options


def report(
    run: options.RunPath,
    selection: Annotated[
        Path, typer.Option("--selection", help="A selection.json made from this run folder.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")],
    judge: Annotated[
        Path | None, typer.Option("--judge", help="The audit.jsonl of a `finegold judge` to show as well.")
    ] = None,
) -> None:
    """Write the HTML report of a selection from its table, with what was compared and judged."""
    from finegold.cli.show import shown
    from finegold.workflow import Run

    print(f"Report  {shown(Run.open(run).selection(selection).report(out, judge))}")
