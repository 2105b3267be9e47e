"""`finegold view`: look through a run in the browser."""

import webbrowser
from threading import Timer
from typing import Annotated

import typer

from finegold.cli import options
from finegold.cli.show import say


def view(
    run: options.RunPath,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of this computer to listen on; 0 takes a free one.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open no browser.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Write nothing: rows cannot be marked or chosen again.")
    ] = False,
) -> None:
    """Look through every row of a run in the browser: sort, filter, see why a row is in or out.

    The page is served to this computer alone, at an address that holds a secret. Ctrl-C ends it.
    """
    from finegold.view import open_view

    with open_view(run, port=port, read_only=read_only) as server:
        say(f"View    {server.address}")
        say("        Ctrl-C ends it")
        if not no_browser:
            Timer(0.5, webbrowser.open, [server.address]).start()
        server.serve()
