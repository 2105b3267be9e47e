"""`finegold tasks`: the benchmarks that `finegold evaluate` knows."""

from pathlib import Path
from typing import Annotated

import typer


def tasks(
    data: Annotated[
        Path | None, typer.Option(help="Folder of the benchmarks: also show which files are missing.")
    ] = None,
) -> None:
    """List the benchmarks: splits with sizes, prompts, files, where to get them and their terms."""
    from rich.console import Console

    from finegold.evaluation import find_tasks

    console = Console(soft_wrap=True, highlight=False)
    for task in find_tasks(["all"]):
        console.print(f"[bold]{task.name}[/bold]  {task.title}, answers: {task.kind}")
        lines = [f"used to fit the published selector {selector}" for selector in task.fitted_by]
        lines += [f"split {split.name}: {split.items:,} items, {split.about}" for split in task.splits]
        for version, prompt in task.prompts.items():
            lines.append(f"prompts {version}: {prompt.template!r}, {prompt.max_new_tokens} new tokens")
        sources = {source for split in task.splits for source in split.sources}
        for source in sorted(sources, key=lambda one: one.path):
            there = ""
            if data is not None:
                there = "there, " if source.below(task.locate(data, task.split())) else "MISSING, "
            lines.append(f"{task.folder}/{source.path}: {there}{source.url}, terms: {source.terms}")
        for line in lines:
            console.print(f"  {line}", markup=False)
