"""A comparison as a table in the terminal and as CSV."""

import csv
import io
import sys

from finegold.report.selection.sections import figure_text
from finegold.selection.compare import PresetComparison


def show_comparison(result: PresetComparison) -> None:
    """Print one line a preset, the pool's own figures first, and how much the selections have in common."""
    from rich.console import Console
    from rich.table import Table

    names = [name for name in result.names() if not name.startswith("is ")]
    left_out = "" if result.dedup == "none" else f", duplicates left out first ({result.dedup})"
    table = Table(
        title=f"{result.size:,} rows each{left_out}", box=None, title_justify="left", pad_edge=False
    )
    table.add_column("preset")
    for name in names:
        table.add_column(name, justify="right")
    table.add_row("(whole pool)", *(figure_text(name, result.pool.get(name)) for name in names))
    for entry in result.presets:
        label = entry.preset if entry.seeds == 1 else f"{entry.preset} ({entry.seeds} seeds)"
        table.add_row(label, *(figure_text(name, entry.figures.get(name)) for name in names))
    # Wide enough for every figure where the output is a file or a pipe.
    console = Console() if sys.stdout.isatty() else Console(width=220)
    console.print(table)
    if len(result.presets) > 1:
        shared = Table(title="Rows in common", box=None, title_justify="left", pad_edge=False)
        shared.add_column("preset")
        for entry in result.presets:
            shared.add_column(entry.preset, justify="right")
        for entry, row in zip(result.presets, result.overlap, strict=True):
            shared.add_row(entry.preset, *(f"{value:.0%}" for value in row))
        console.print(shared)


def comparison_csv(result: PresetComparison) -> str:
    """One line for each preset and figure: preset, version, size, seeds, figure, mean, low, high."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["preset", "version", "size", "seeds", "figure", "mean", "low", "high"])
    for entry in result.presets:
        for name, value in entry.figures.items():
            row = [entry.preset, entry.version, result.size, entry.seeds, name]
            writer.writerow([*row, value.value, value.low, value.high])
    return text.getvalue()
