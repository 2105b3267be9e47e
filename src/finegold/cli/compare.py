"""`finegold compare`: presets side by side on one run folder."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options


def compare(
    run: options.RunPath,
    size: options.Size,
    presets: Annotated[
        str,
        typer.Option(
            "--presets", help="Names or TOML files with commas; `all` for every one that needs no file."
        ),
    ],
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds of presets that draw at random.")] = 5,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="JSON object of id to label, for measuring only.")
    ] = None,
    good: Annotated[str, typer.Option("--good", help="Labels that are no defect, separated by commas.")] = "",
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the figures to this CSV file too.")] = None,
    scores: options.Scores = None,
    dedup: options.Dedup = "none",
    targets: options.Targets = None,
    target_images: options.TargetImages = None,
    pairs: options.Pairs = None,
    selector: options.Selector = None,
    encoder: options.Encoder = None,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 32,
    workers: options.Workers = None,
) -> None:
    """Select with several presets and show what each chose: overlap, indicators, coverage, repeats, time.

    With --labels, also the share of bad rows. Presets that draw at random run over several seeds, with 95 %
    intervals. The next report of the run folder shows the comparison.
    """
    from finegold.cli.show_comparison import comparison_csv, show_comparison
    from finegold.dedup import parse_dedup
    from finegold.selection import find_preset
    from finegold.workflow import Compute, Run, SelectionSettings
    from finegold.workflow.compare import names_from_text, read_labels

    known = None if labels is None else read_labels(labels, options.names(good))
    compared = [find_preset(name) for name in names_from_text(presets)]
    settings = SelectionSettings(
        compared[0],
        size,
        scores=options.names(scores),
        dedup=parse_dedup(dedup),
        files=options.files(targets, target_images, pairs, selector),
    )
    opened = Run.open(run, encoder=encoder, compute=Compute(device, batch_size, workers))
    result = opened.compare(compared, size, seeds=seeds, labels=known, settings=settings)
    show_comparison(result)
    if csv is not None:
        csv.write_text(comparison_csv(result), encoding="utf-8")
