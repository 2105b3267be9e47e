"""`finegold tasks`: the benchmarks that `finegold evaluate` knows."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions


@options.grouped
def tasks(
    task_data: Annotated[
        Path | None, typer.Option(help="Folder of the benchmarks: also show which files are missing.")
    ] = None,
    *,
    output: OutputOptions,
) -> None:
    """List the benchmarks: splits with sizes, prompts, files, where to get them and their terms."""
    from rich.console import Console

    from finegold.evaluation import TASKS

    with output.printing() as facts:
        console = Console(soft_wrap=True, highlight=False)
        facts["tasks"] = []
        for task in TASKS.usable().values():
            console.print(f"[bold]{task.name}[/bold]  {task.title}, answers: {task.kind}")
            lines = [f"used to fit the published selector {selector}" for selector in task.fitted_by]
            if task.over is None:
                lines += [f"split {one.name}: {one.items:,} items, {one.about}" for one in task.splits]
            else:
                lines.append(f"{task.splits[0].about}: --tasks {task.name}=DATA")
            for version, prompt in task.prompts.items():
                lines.append(f"prompts {version}: {prompt.template!r}, {prompt.max_new_tokens} new tokens")
            sources = sorted(
                {source for split in task.splits for source in split.sources}, key=lambda one: one.path
            )
            files = []
            for source in sources:
                there = None
                if task_data is not None:
                    there = source.below(task.locate(task_data, task.split()))
                files.append({"path": f"{task.folder}/{source.path}", "there": there, "url": source.url})
                found = {None: "", True: "there, ", False: "MISSING, "}[there]
                lines.append(f"{task.folder}/{source.path}: {found}{source.url}, terms: {source.terms}")
            facts["tasks"].append(
                {
                    "name": task.name,
                    "title": task.title,
                    "answers": task.kind,
                    "splits": {split.name: split.items for split in task.splits if task.over is None},
                    "prompts": list(task.prompts),
                    "files": files,
                }
            )
            for line in lines:
                console.print(f"  {line}", markup=False)
