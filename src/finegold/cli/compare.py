"""`finegold compare`: presets side by side on one run folder."""

import csv
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions

if TYPE_CHECKING:
    from finegold.selection.compare import PresetComparison


@options.grouped
def compare(
    run: options.RunPath,
    size: options.Size,
    presets: Annotated[
        str, typer.Option(help="Names or TOML files, separated by commas; `all` for each that needs no file.")
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds of presets that draw at random.")] = 5,
    labels: Annotated[
        Path | None, typer.Option(help="JSON object of id to label, used for measuring only.")
    ] = None,
    good: Annotated[str, typer.Option(help="Labels that are no defect, separated by commas.")] = "",
    out: Annotated[Path | None, typer.Option(help="CSV file for the figures.")] = None,
    scores: options.Scores = None,
    dedup: options.Dedup = "none",
    space: options.SpaceOption = None,
    text_encoder: options.TextEncoder = "minilm",
    encoder: options.Encoder = None,
    *,
    files: options.PresetFiles,
    mixing: options.MixtureOptions,
    computing: options.ComputeOptions,
    output: OutputOptions,
) -> None:
    """Select with several presets and show what each chose: overlap, indicators, coverage, repeats, time.

    With --labels, the table also has the share of bad rows. Presets that draw at random run with several
    seeds and have 95 % intervals. The next report of the run folder shows the comparison.
    """
    from finegold.dedup import parse_dedup
    from finegold.errors import ConfigError
    from finegold.run.records import to_json
    from finegold.selection import find_preset
    from finegold.workflow import Run, SelectionSettings
    from finegold.workflow.compare import names_from_text, read_labels
    from finegold.workflow.settings import mixed

    known = None if labels is None else read_labels(labels, options.names(good))
    compared = [mixed(find_preset(name), **asdict(mixing), space=space) for name in names_from_text(presets)]
    if not compared:
        raise ConfigError("--presets names no preset: give names with commas, or all")
    settings = SelectionSettings(
        compared[0],
        size,
        scores=options.names(scores),
        dedup=parse_dedup(dedup),
        files=files.files(),
        text_encoder=text_encoder,
    )
    opened = Run.open(run, encoder=encoder, compute=computing.compute())
    result = opened.compare(compared, size, seeds=seeds, labels=known, settings=settings)
    with output.printing() as facts:
        facts |= to_json(result)
        _show(result)
    if out is not None:
        _write_csv(result, out)


def _show(result: "PresetComparison") -> None:
    """Print one line for each preset, the figures of the pool first, and how many rows two presets share."""
    from finegold.cli.show import show_table
    from finegold.report.selection.sections import figure_text

    names = [name for name in result.names() if not name.startswith("is ")]
    rows = [("(whole pool)", *(figure_text(name, result.pool.get(name)) for name in names))]
    for entry in result.presets:
        label = entry.preset if entry.seeds == 1 else f"{entry.preset} ({entry.seeds} seeds)"
        rows.append((label, *(figure_text(name, entry.figures.get(name)) for name in names)))
    dedup = "" if result.dedup == "none" else f", duplicates excluded first ({result.dedup})"
    # Wide enough for every figure where the output is a file or a pipe.
    width = 0 if sys.stdout.isatty() else 220
    show_table(f"{result.size:,} rows each{dedup}", ["preset", *names], rows, width, numbers_from=1)
    if len(result.presets) > 1:
        chosen = [entry.preset for entry in result.presets]
        shares = [
            (name, *(f"{value:.0%}" for value in row))
            for name, row in zip(chosen, result.overlap, strict=True)
        ]
        show_table("Rows in common", ["preset", *chosen], shares, width, numbers_from=1)


def _write_csv(result: "PresetComparison", path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["preset", "version", "size", "seeds", "figure", "mean", "low", "high"])
        for entry in result.presets:
            for name, value in entry.figures.items():
                row = [entry.preset, entry.version, result.size, entry.seeds, name]
                writer.writerow([*row, value.value, value.low, value.high])
