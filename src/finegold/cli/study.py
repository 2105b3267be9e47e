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
            help="paper-table4, paper-table5, size-sweep, presets, or the path of a .toml file.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Folder for all runs and results; studies may share one.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="Dataset to choose from, in place of the file's.")
    ] = None,
    images: options.Images = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Run folder of these rows that holds scores.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Model that is tuned, as `finegold tune` takes it.")
    ] = None,
    projection: Annotated[
        Path | None,
        typer.Option(
            "--projection", help="Stage-1 checkpoint that minigpt4-7b or offline-smollm2 starts from."
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Recipe of the training, as `finegold tune` takes it.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Training steps in place of the recipe's.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", help="Encoder for scores and clusters, as `finegold pick` takes it."),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option("--tasks", help="Benchmarks, such as flickr30k,okvqa; the first is the main one."),
    ] = None,
    task_data: Annotated[
        Path | None, typer.Option("--task-data", help="Folder of the benchmarks' files.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Number of items of each benchmark, the first ones.")
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(
            "--captions",
            help="File with lines of photo, tab, caption: the encoder and captioner `offline` are trained "
            "for this study, on the photos that are in neither rows nor benchmarks.",
        ),
    ] = None,
    photos: Annotated[
        Path | None, typer.Option("--photos", help="Folder of the photos of --captions.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Number of seeds of arms that do not say.")
    ] = None,
    show_plan: Annotated[
        bool, typer.Option("--plan", help="Print what the study would take, from short trials, and stop.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Number of runs side by side; one for each GPU or core if not given."
        ),
    ] = None,
    device: options.Device = "auto",
) -> None:
    """Choose, tune and measure: arms x seeds, with intervals and a verdict in words.

    What was run is kept: the same command continues where a killed one stopped, and a study with another arm
    runs that arm only.
    """
    from finegold.study import load_study, plan_study, run_study

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
        "offline": {"captions": _text(captions), "images": _text(photos)},
    }
    wanted = load_study(name, changes)
    if show_plan:
        from finegold.cli.show import show_plan_lines

        show_plan_lines(plan_study(wanted, out, workers=workers, device=device).lines())
        return
    _show(run_study(wanted, out, workers=workers, device=device), out / wanted.name)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _show(findings: "Findings", folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from finegold.cli.show import shown
    from finegold.report.study.words import outcome_lines, summary

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
        for line in outcome_lines(findings, question):
            table.add_row(line.arm.name, line.rows, line.seeds, line.mean, line.verdict)
        Console(width=max(110, Console().width)).print(table)
    for sentence in summary(findings):
        print(sentence)
    print(f"Tables      {shown(folder / 'table.md')}")
    print(f"Report      {shown(folder / 'study.html')}")
