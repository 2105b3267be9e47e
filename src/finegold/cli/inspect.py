"""`finegold inspect`: what a dataset holds, and every row that cannot be used."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import options
from finegold.cli.show import printable

if TYPE_CHECKING:
    from rich.console import Console

    from finegold.samples.dataset import Dataset
    from finegold.samples.inspect import Inspection, Spread


def inspect(
    data: options.Data,
    images: options.Images = None,
    format: options.DataFormat = None,
    instruction: options.Instruction = None,
    ids: options.IdsFrom = options.Ids.record,
    allow_urls: options.AllowUrls = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first bad row and exit with 1.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
    limit_shown: Annotated[
        int,
        typer.Option(
            "--limit-shown", min=0, help="Bad rows to list; all are counted, and all are in --json."
        ),
    ] = 50,
) -> None:
    """Read a dataset and say what is in it and what is wrong with it. Changes nothing.

    Shows format, rows, images, turns and answer lengths, then every bad row with its reason and place.
    """
    from rich.console import Console

    from finegold.engines.threads import map_ordered
    from finegold.run import progress
    from finegold.samples import open_dataset
    from finegold.samples.check import Repeats, check
    from finegold.samples.inspect import inspect_rows

    dataset = open_dataset(
        data,
        images=images,
        format=format,
        instruction=instruction,
        ids="row" if ids is options.Ids.row else "record",
        allow_urls=allow_urls,
    )
    with progress("Checking rows", dataset.count(), "rows") as advance:
        judged = map(Repeats().judge, map_ordered(check, dataset.rows()))
        found = inspect_rows(judged, strict=strict, advance=advance)
    if as_json:
        print(json.dumps(found.as_json(dataset.format, [str(file) for file in dataset.files()])))
    else:
        _show(Console(highlight=False, soft_wrap=True), dataset, found, limit_shown)
    if strict and found.bad:
        raise typer.Exit(1)


def _show(console: "Console", dataset: "Dataset", found: "Inspection", limit: int) -> None:
    from rich.table import Table
    from rich.text import Text

    files = dataset.files()
    name = files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1:,} more"
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    facts = [
        ("Format", f"{dataset.format}  ({name})"),
        ("Image folder", str(dataset.root.folder or "none: the images are in the data")),
        ("Rows", f"{found.rows:,}: {found.usable:,} usable, {len(found.bad):,} bad"),
        (
            "Images",
            f"{found.images:,}, {_bytes(found.image_bytes)}; {found.text_only:,} rows without an image",
        ),
        ("Turns", _spread(found.turns, "a row")),
        ("Answers", _spread(found.answer_chars, "characters")),
        ("Width", _spread(found.width, "pixels")),
        ("Height", _spread(found.height, "pixels")),
    ]
    for label, value in facts:
        table.add_row(label, Text(printable(value)))
    console.print(table)
    if not found.bad:
        console.print("\nNothing is wrong with it.", style="green")
        return
    console.print()
    counts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    counts.add_column(justify="right", style="bold")
    for code, number in found.codes.items():
        counts.add_row(f"{number:,}", Text(code, style="yellow"))
    console.print(counts)
    console.print()
    for row in found.bad[:limit]:
        assert row.exclusion is not None
        code, reason = row.exclusion.code, row.exclusion.reason
        console.print(
            Text.assemble((printable(row.place), "bold"), "  ", (code, "yellow"), f"  id {printable(row.id)}")
        )
        console.print(Text(f"  {printable(reason)}"))
    if len(found.bad) > limit:
        console.print(
            f"and {len(found.bad) - limit:,} more: --limit-shown lists more of them, --json all", style="dim"
        )


def _spread(spread: "Spread | None", unit: str) -> str:
    if spread is None:
        return "-"
    return f"{spread.min:,} to {spread.max:,} {unit}, median {spread.median:,.10g}"


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.2f} GB"
