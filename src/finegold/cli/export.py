"""`finegold export`: a table of a run folder as one file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say
from finegold.errors import counted


@options.grouped
def export(
    run: options.RunPath,
    out: Annotated[Path, typer.Option(help="File to write.")],
    table: Annotated[
        Literal["scores", "selection"],
        typer.Option(help="`scores`: all that was computed of every row; `selection`: a selection's table."),
    ] = "scores",
    format: Annotated[
        Literal["parquet", "csv"] | None, typer.Option(help="[default: by the name of the file]")
    ] = None,
    selection: Annotated[
        Path | None, typer.Option(help="The selection.json, if the run folder has several selections.")
    ] = None,
    *,
    output: OutputOptions,
) -> None:
    """Write every row with its indicators, kind, source, cluster and reason to one file."""
    from finegold.cli.show import shown
    from finegold.workflow import Run

    found = Run.open(run).export(out, table, format, selection)
    with output.printing() as facts:
        facts |= {"rows": len(found), "columns": found.column_names, "file": str(out.resolve())}
        say(f"{counted(len(found), 'row')}, {counted(len(found.column_names), 'column')} in {shown(out)}")
