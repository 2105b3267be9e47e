"""`finegold tasks`: the benchmarks that `finegold evaluate` knows."""

from pathlib import Path
from typing import Annotated

import typer


def tasks(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of the benchmarks: also say which files are missing below it."),
    ] = None,
) -> None:
    """List the benchmarks: splits with sizes, prompts, files, where to get them and their terms."""
    from rich.console import Console

    from finegold.evaluation import find_tasks

    console = Console(soft_wrap=True, highlight=False)
    for task in find_tasks(["all"]):
        console.print(f"[bold]{task.name}[/bold]  {task.title}, answers: {task.kind}")
        for selector in task.fitted_by:
            console.print(f"  used to fit the published selector {selector}")
        for split in task.splits:
            console.print(f"  split {split.name}: {split.items:,} items, {split.about}", markup=False)
        for version, prompt in task.prompts.items():
            shown = f"{prompt.template!r}, {prompt.max_new_tokens} new tokens"
            console.print(f"  prompts {version}: {shown}", markup=False)
        sources = {source for split in task.splits for source in split.sources}
        for source in sorted(sources, key=lambda one: one.path):
            there = ""
            if data is not None:
                folder = task.locate(data, task.split())
                there = "there, " if source.below(folder) else "MISSING, "
            place = f"{task.folder}/{source.path}"
            console.print(f"  {place}: {there}{source.url}, terms: {source.terms}", markup=False)
