"""`finegold score`: one indicator of a run folder's rows."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options


def score(
    run: options.RunPath,
    scorer: Annotated[
        str, typer.Option("--scorer", help="`clip`, `length`, ..., an installed one's name, or module:Class.")
    ],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="A parameter of the scorer, as name=value; repeatable."),
    ] = None,
    encoder: options.Encoder = options.DEFAULT_ENCODER,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Score the rows again on which it failed before.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="The dataset, if the run folder is yet to be made.")
    ] = None,
    images: options.Images = None,
    format: options.DataFormat = None,
    instruction: options.Instruction = None,
    ids: options.IdsFrom = options.Ids.record,
    allow_urls: options.AllowUrls = False,
    strict: options.Strict = False,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 32,
    workers: options.Workers = None,
) -> None:
    """Compute one indicator for every usable row and keep it in the run folder."""
    from finegold.cli.show import show_scores
    from finegold.workflow import DataSource, Machine, score_run

    source = None if data is None else DataSource.of(data, images, format, instruction, ids, allow_urls)
    table = score_run(
        run,
        scorer,
        dict(_parameter(text) for text in param or ()),
        source=source,
        encoder=encoder,
        retry_failed=retry_failed,
        strict=strict,
        machine=Machine(device, batch_size, workers),
    )
    show_scores(scorer, table)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"'{text}' is not name=value", param_hint="--param")
    return name.strip(), value.strip()
