"""`finegold check`: is anything in a folder damaged?"""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli.show import say


def check(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Run folder, or a folder that `select`, `evaluate`, `judge`, `tune` or `study` wrote.",
        ),
    ],
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Remove what is damaged; the command that made it makes it again."),
    ] = False,
) -> None:
    """Compare every file with its hash. The exit code is 1 if something is damaged and not repaired."""
    from finegold.run import check_folder, folder_lock

    found = check_folder(folder)
    for damage in found.damages:
        say(f"damaged: {damage.path}: {damage.why}")
    old = f", {found.unhashed:,} of an earlier finegold have none" if found.unhashed else ""
    say(f"{found.hashed:,} files compared with their hashes{old}; {len(found.damages):,} damaged")
    if not found.damages:
        return
    if not repair:
        say(f"`finegold check {folder} --repair` removes what is damaged")
        raise typer.Exit(1)
    with folder_lock(folder, "repair it then"):
        for damage in found.damages:
            damage.repair()
    say("removed; run the command that made it again, and it makes the same again")
