"""`finegold select`: choose rows from what a run folder holds."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options


def select(
    run: options.RunPath,
    size: options.Size,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the subset, selection.json, its table and report.html.")
    ],
    preset: options.Preset = options.DEFAULT_PRESET,
    weights: options.Weights = None,
    seed: options.Seed = 0,
    encoder: options.Encoder = None,
    scores: options.Scores = None,
    clusters: options.Clusters = None,
    clustering: options.Clustering = None,
    dedup: options.Dedup = "none",
    targets: options.Targets = None,
    target_images: options.TargetImages = None,
    pairs: options.Pairs = None,
    selector: options.Selector = None,
    link: options.Link = False,
) -> None:
    """Choose rows by the scores and embeddings that the run folder holds; nothing is scored or embedded.

    The preset's own clusters are made from the embeddings. Where the run folder has several tables that would
    do, the command names them and asks for --scores, --clustering or --encoder.
    """
    from finegold.cli.show import show_selection
    from finegold.dedup import parse_dedup
    from finegold.workflow import Run, SelectionSettings

    settings = SelectionSettings.of(
        preset,
        size,
        weights,
        seed=seed,
        clusters=clusters,
        clustering=clustering,
        scores=options.names(scores),
        dedup=parse_dedup(dedup),
        files=options.files(targets, target_images, pairs, selector),
    )
    selection = Run.open(run, encoder=encoder).select(settings, out)
    show_selection(selection, selection.write(out, link=link), out)
