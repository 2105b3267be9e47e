"""`finegold study`: does the selection help?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finegold.cli import options

if TYPE_CHECKING:
    from finegold.study import Findings


def study(
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="paper-table4, paper-table5, size-sweep, presets, or a .toml file of your own.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Folder for all runs and results; studies may share one.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="Dataset to choose from, if the file does not say.")
    ] = None,
    images: options.Images = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Run folder of these rows with scores that you made.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="What is tuned, as `finegold tune` takes it.")
    ] = None,
    projection: Annotated[
        Path | None,
        typer.Option(
            "--projection", help="Stage-1 checkpoint that minigpt4-7b or offline-smollm2 starts from."
        ),
    ] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help="How, as `finegold tune` takes it.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="In place of the recipe's.")] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="For scores and clusters, as `finegold pick` takes it.")
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option("--tasks", help="Benchmarks, such as flickr30k,okvqa; the first is the main one."),
    ] = None,
    task_data: Annotated[
        Path | None, typer.Option("--task-data", help="Folder of the benchmarks' files.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only so many items of each benchmark.")
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(
            "--captions",
            help="Lines of photo, tab, caption: train encoder and captioner `offline` for this study, on "
            "those photos that are in neither rows nor benchmarks.",
        ),
    ] = None,
    photos: Annotated[
        Path | None, typer.Option("--photos", help="Folder of the photos of --captions.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Of arms that do not say otherwise.")
    ] = None,
    show_plan: Annotated[
        bool, typer.Option("--plan", help="Say what it would take, from short trials, and stop.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Runs side by side; one a GPU or core if not given."),
    ] = None,
    device: options.Device = "auto",
) -> None:
    """Choose, tune and measure: arms x seeds, with intervals and a verdict in words.

    What was run is kept: the same command goes on where a killed one stopped, and a study with another arm
    runs that arm only.
    """
    from finegold.study import load_study, plan, run_study

    offline = {"captions": _text(captions), "images": _text(photos)}
    changes: dict[str, Any] = {
        "data": {"path": _text(data), "images": _text(images), "run": _text(run)},
        "model": model,
        "parts": {"projection": _text(projection)},
        "recipe": recipe,
        "steps": steps,
        "encoder": encoder,
        "seeds": seeds,
        "evaluation": {
            "tasks": None if tasks is None else [task.strip() for task in tasks.split(",")],
            "data": _text(task_data),
            "limit": limit,
        },
        "offline": offline,
    }
    wanted = load_study(name, changes)
    if show_plan:
        from finegold.cli.show import show_plan_lines

        show_plan_lines(plan(wanted, out, workers=workers, device=device).lines())
        return
    _show(run_study(wanted, out, workers=workers, device=device), out / wanted.name)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _show(findings: "Findings", folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from finegold.cli.show import shown
    from finegold.report.study.words import lines, summary

    for question in findings.questions[:1]:
        table = Table(title=f"{question.title} ({question.images:,} images)", box=None)
        for head in (
            "arm",
            "rows",
            "seeds",
            f"mean, {findings.level:.0%} interval",
            f"to {findings.baseline}",
        ):
            table.add_column(head, overflow="fold")
        for line in lines(findings, question):
            table.add_row(line.arm.name, line.rows, line.seeds, line.mean, line.verdict)
        Console(width=max(110, Console().width)).print(table)
    for sentence in summary(findings):
        print(sentence)
    print(f"Tables      {shown(folder / 'table.md')}")
    print(f"Report      {shown(folder / 'study.html')}")
