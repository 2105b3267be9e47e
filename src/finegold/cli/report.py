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
) -> None:
    """Write the HTML report of a selection from its run folder."""
    from finegold.cli.show import shown
    from finegold.workflow import report_run

    print(f"Report  {shown(report_run(run, selection, out))}")
