"""`finegold view`: look through a run in the browser."""

import sys
import webbrowser
from pathlib import Path
from threading import Timer
from typing import Annotated

import typer

from finegold.cli import options
from finegold.cli.endpoint_options import given_options
from finegold.cli.show import say


@options.grouped
def view(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER",
            help="A run folder. Beside it, or alone: folders of studies (--out of `finegold study`) and of "
            "judged answers (--out of `finegold judge`).",
        ),
    ],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of this computer to listen on; 0 takes a free one.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open no browser.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Write nothing: rows cannot be marked or chosen again.")
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A model to ask about images, as `finegold demo` takes it; can be repeated. It is loaded at "
            "the first prompt."
        ),
    ] = None,
    decode: options.Decode = None,
    *,
    loading: options.ModelOptions,
    endpoint: options.EndpointOptions,
) -> None:
    """Look through every row of a run in the browser: sort, filter, see why a row is in or out.

    Studies and judged answers are pages beside the rows: tables with examples, and every judged question. The
    page is served to this computer alone, at an address that holds a secret. Ctrl-C ends it.
    """
    from finegold.view import AskedModels, open_view

    names = model or []
    if not names:
        _refuse_model_options(loading, endpoint, decode)
    models = AskedModels(names, loading.load_all(names, endpoint), decode or "finegold")
    with open_view(*folders, port=port, read_only=read_only, models=models) as server:
        say(f"View    {server.address}")
        say("        Ctrl-C ends it")
        # Whoever reads a pipe needs the address now, not when the view ends.
        sys.stdout.flush()
        if not no_browser:
            Timer(0.5, webbrowser.open, [server.address]).start()
        server.serve()


def _refuse_model_options(
    loading: options.ModelOptions, endpoint: options.EndpointOptions, decode: object
) -> None:
    """Refuse options that nothing would read, because no model is named."""
    from finegold.errors import ConfigError

    given = given_options(loading) + given_options(endpoint) + ([] if decode is None else ["--decode"])
    if given:
        raise ConfigError(f"{', '.join(given)} would have no effect without a model: give --model too")
