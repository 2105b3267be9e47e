"""`finegold select`: choose rows from what a run folder holds."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options


def select(
    run: options.RunPath,
    size: options.Size,
    out: Annotated[Path, typer.Option("--out", help="Folder for the subset, selection.json, report.html.")],
    preset: options.Preset = options.DEFAULT_PRESET,
    weights: options.Weights = None,
    seed: options.Seed = 0,
    dedup: options.Dedup = "none",
    targets: options.Targets = None,
    target_images: options.TargetImages = None,
    pairs: options.Pairs = None,
    selector: options.Selector = None,
    link: options.Link = False,
) -> None:
    """Choose rows by the scores and the clusters that the run folder holds; nothing is scored anew."""
    from finegold.cli.show import show_pick
    from finegold.workflow import select_run

    result = select_run(
        run,
        size=size,
        out=out,
        preset=preset,
        weights=weights,
        seed=seed,
        link=link,
        given=options.given(dedup, targets, target_images, pairs, selector),
    )
    show_pick(result)
