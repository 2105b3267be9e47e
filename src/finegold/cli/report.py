"""`finegold report`: draw the report of a selection again."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say


@options.grouped
def report(
    run: options.RunPath,
    selection: Annotated[Path, typer.Option(help="A selection.json that was made from this run folder.")],
    out: Annotated[Path, typer.Option(help="HTML file for the report.")],
    verdicts: Annotated[
        Path | None, typer.Option(help="audit.jsonl of `finegold judge`, to show its verdicts.")
    ] = None,
    *,
    output: OutputOptions,
) -> None:
    """Write the HTML report of a selection from its table, with comparisons and verdicts."""
    from finegold.cli.show import shown
    from finegold.workflow import Run

    written = Run.open(run).selection(selection).report(out, verdicts)
    with output.printing() as facts:
        facts |= {"report": str(written.resolve())}
        say(f"Report  {shown(written)}")
