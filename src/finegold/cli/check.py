"""`finegold check`: is anything in a folder damaged?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say
from finegold.errors import counted

if TYPE_CHECKING:
    from finegold.run.check import FolderCheck


@options.grouped
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
    *,
    output: OutputOptions,
) -> None:
    """Compare every file with its hash. The exit code is 1 if something is damaged and not repaired."""
    from finegold.run import check_folder, mirror_of

    mirror = mirror_of(folder.resolve())
    if mirror is not None:
        mirror.fetch_parts()
    found = check_folder(folder)
    with output.printing() as facts:
        facts |= {
            "files": found.hashed,
            "unhashed": found.unhashed,
            "damaged": [{"path": str(damage.path), "why": damage.why} for damage in found.damages],
            "repaired": repair and bool(found.damages),
        }
        _show(folder, found, repair=repair)


def _show(folder: Path, found: "FolderCheck", *, repair: bool) -> None:
    from finegold.run import writing_to

    for damage in found.damages:
        say(f"damaged: {damage.path}: {damage.why}")
    old = f", {found.unhashed:,} of an earlier finegold have none" if found.unhashed else ""
    say(f"{counted(found.hashed, 'file')} compared with their hashes{old}; {len(found.damages):,} damaged")
    if not found.damages:
        return
    if not repair:
        say(f"`finegold check {folder} --repair` removes what is damaged")
        raise typer.Exit(1)
    with writing_to(folder.resolve(), "repair it then"):
        for damage in found.damages:
            damage.repair()
    say("removed; run the command that made it again, and it makes the same again")
