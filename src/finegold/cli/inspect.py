"""`finegold inspect`: what a dataset holds, and every row that cannot be used."""

from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import printable, say
from finegold.errors import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from finegold.samples.dataset import Dataset
    from finegold.samples.inspect import Inspection, Spread


@options.grouped
def inspect(
    data: options.Data,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first bad row and exit with 1.")
    ] = False,
    limit_shown: Annotated[
        int, typer.Option(min=0, help="Number of bad rows to list; --json has all of them.")
    ] = 50,
    *,
    reading: options.DatasetOptions,
    output: OutputOptions,
) -> None:
    """Read a dataset and say what is in it and what is wrong with it. Changes nothing.

    Shows format, rows, images, turns and answer lengths, then every bad row with its reason and place.
    """
    from rich.console import Console

    from finegold.samples import open_dataset
    from finegold.samples.inspect import inspect as inspect_dataset

    dataset = open_dataset(data, **reading.reading())
    found = inspect_dataset(dataset, strict=strict)
    with output.printing() as facts:
        facts |= found.as_json(dataset.format, [str(file) for file in dataset.files()])
        _show(Console(highlight=False, soft_wrap=True), dataset, found, limit_shown)
    if not found.usable:
        say(f"no row of {data} can be used" + (": the reasons are above" if found.bad else ""), error=True)
        raise typer.Exit(1)
    if strict and found.bad:
        raise typer.Exit(1)


def _show(console: "Console", dataset: "Dataset", found: "Inspection", limit: int) -> None:
    from rich.text import Text

    files = dataset.files()
    name = files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1:,} more"
    facts = {
        "Format": f"{dataset.format}  ({name})",
        "Image folder": _image_folders(dataset),
        "Rows": f"{found.rows:,}: {found.usable:,} usable, {len(found.bad):,} bad",
        "Images": f"{found.images:,}, {_bytes(found.image_bytes)}; "
        f"{counted(found.text_only, 'row')} without an image",
        "Turns": _spread(found.turns, "a row"),
        "Answers": _spread(found.answer_chars, "characters"),
        "Width": _spread(found.width, "pixels"),
        "Height": _spread(found.height, "pixels"),
        "Sources": _shares(found.sources),
        "Kinds": _shares(found.kinds),
    }
    for label, value in facts.items():
        console.print(Text.assemble((f"{label:<14}", "bold"), printable(value)))
    for note, number in found.notes.items():
        console.print(f"\n{number:,} rows {note}", style="yellow")
    if not found.bad:
        console.print("\nEvery row can be used.", style="green")
        return
    console.print()
    for code, number in found.codes.items():
        console.print(Text.assemble((f"{number:>6,}  ", "bold"), (code, "yellow")))
    console.print()
    for row in found.bad[:limit]:
        assert row.exclusion is not None
        code, reason = row.exclusion.code, row.exclusion.reason
        place = (printable(row.place), "bold")
        console.print(Text.assemble(place, "  ", (code, "yellow"), f"  id {printable(row.id)}"))
        console.print(Text(f"  {printable(reason)}"))
    if len(found.bad) > limit:
        more = len(found.bad) - limit
        console.print(f"and {more:,} more: --limit-shown lists more of them, --json all", style="dim")


def _spread(spread: "Spread | None", unit: str) -> str:
    return "-" if spread is None else f"{spread.min:,} to {spread.max:,} {unit}, median {spread.median:,.10g}"


def _image_folders(dataset: "Dataset") -> str:
    folders = {str(part.root.folder) for part in dataset.parts or [dataset] if part.root.folder}
    return ", ".join(sorted(folders)) or "none: the images are in the data"


def _shares(counts: "Mapping[str, int]") -> str:
    """Names with their numbers of rows, the first twenty."""
    shown = [f"{name} {number:,}" for name, number in list(counts.items())[:20]]
    more = [f"and {len(counts) - 20:,} more"] if len(counts) > 20 else []
    return ", ".join(shown + more) or "-"


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.2f} GB"
