"""What the verbs print when they are done: a few lines, the same in a terminal and in a log file."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finegold.errors import counted

if TYPE_CHECKING:
    from finegold.workflow import Selection

SHOWN_CODES = 12
"""Reasons for exclusion that are listed one by one."""


def show_selection(selection: "Selection", out: Path, *, link: bool) -> dict[str, Any]:
    """Write a selection to a folder, and print what was chosen, what was not, and where the files are.

    Returns:
        The same for programs, JSON-able.
    """
    from finegold.selection.manifest import MANIFEST
    from finegold.workflow.output import REPORT

    subset, manifest = selection.write(out, link=link), selection.manifest
    counts = manifest.counts
    excluded = sum(counts.excluded.values())
    say(
        f"Picked {counts.selected:,} of {counts.rows_in:,} rows with preset "
        f"{manifest.configuration.preset['name']} (seed {manifest.seed}); "
        f"{counts.not_selected:,} not picked, {excluded:,} excluded."
    )
    for code, number in sorted(counts.excluded.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_CODES]:
        say(f"  excluded: {number:>6,}  {code}")
    if len(counts.excluded) > SHOWN_CODES:
        say(f"  excluded for {len(counts.excluded) - SHOWN_CODES} other reasons: see the report")
    if manifest.clusters:
        say("  from clusters: " + ", ".join(f"{c.selected} of {c.size:,}" for c in manifest.clusters))
    for line in _mixture_line(selection):
        say(line)
    if manifest.configuration.weights:
        weights = manifest.configuration.weights.items()
        say("  weights: " + ", ".join(f"{name}={value:g}" for name, value in weights))
    for note in manifest.notes:
        say(f"  note: {note}")
    written = f"{counted(subset.rows, 'row')}, {counted(subset.files, 'image file')}"
    say(f"Subset      {shown(subset.data)}  ({written})")
    say(f"Selection   {shown(out / MANIFEST)}")
    say(f"Report      {shown(out / REPORT)}")
    say(f"Run folder  {shown(selection.run.path)}")
    return {
        "preset": manifest.configuration.preset["name"],
        "seed": manifest.seed,
        **counts.model_dump(mode="json"),
        "weights": manifest.configuration.weights,
        "clusters": [cluster.model_dump(mode="json") for cluster in manifest.clusters],
        "groups": [group.model_dump(mode="json") for group in manifest.groups],
        "notes": manifest.notes,
        "subset": str(subset.data),
        "selection": str(out.resolve() / MANIFEST),
        "report": str(out.resolve() / REPORT),
        "run": str(selection.run.path),
    }


def _mixture_line(selection: "Selection") -> list[str]:
    """The shares of the groups in the pool and in the selection on one line; none if there is one group."""
    from finegold.selection.mixture import mixture_tables

    tables = mixture_tables(selection.table, selection.manifest.configuration.preset.get("group_by", ()))
    if not tables:
        return []
    table = tables[0] if selection.manifest.groups else tables[-1]
    parts = [f"{line.name} {line.share_in:.0%} to {line.share_out:.0%}" for line in table.lines[:SHOWN_CODES]]
    more = len(table.lines) - len(parts)
    parts += [f"and {more:,} more"] if more else []
    return [f"  mixture by {table.attribute}: {printable(', '.join(parts))} (skew {table.skew:.2f})"]


def show_plan_lines(lines: list[tuple[str, str]]) -> dict[str, str]:
    """Print each name and value of a plan on a line; returns the same for programs."""
    for name, value in lines:
        say(f"{name:<24} {value}")
    return dict(lines)


def show_table(
    title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], width: int = 100, numbers_from: int = 99
) -> None:
    """Print a table.

    Args:
        title: Title above the table.
        heads: Heads of the columns.
        rows: Cells of each row.
        width: Smallest width in characters; a table that is cut to a narrow terminal would hide numbers.
        numbers_from: Column, counted from 0, from which on cells stand at the right.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(printable(title)), box=None, title_justify="left", pad_edge=False)
    for position, head in enumerate(heads):
        table.add_column(
            Text(printable(head)), overflow="fold", justify="right" if position >= numbers_from else "left"
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console(width=max(width, Console().width)).print(table)


def shown(path: Path) -> str:
    """A path relative to the working folder if it lies below it."""
    from finegold.run import with_addresses

    if (address := with_addresses(str(path.resolve()))) != str(path.resolve()):
        return address
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def printable(text: str) -> str:
    """Untrusted text for a terminal: control characters and lone surrogates are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def say(text: str, *, error: bool = False) -> None:
    """Print lines of which any part may be untrusted: names, ids and replies reach no terminal as commands.

    Args:
        text: The lines.
        error: Whether they go to stderr.
    """
    from finegold.run import with_addresses

    print(
        *map(printable, with_addresses(text).split("\n")), sep="\n", file=sys.stderr if error else sys.stdout
    )
