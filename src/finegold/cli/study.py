"""`finegold study`: does the selection help?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say

if TYPE_CHECKING:
    from finegold.study import Findings


@options.grouped
def study(
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY", help="paper-table4, paper-table5, size-sweep, presets, or a .toml file."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for all runs and results; studies may share one.")],
    data: Annotated[str | None, typer.Option(help="Dataset, in place of the study file's.")] = None,
    images: options.Images = None,
    run: Annotated[Path | None, typer.Option(help="Run folder of the dataset that holds scores.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that is tuned, as `finegold tune` takes it.")
    ] = None,
    projection: Annotated[
        Path | None, typer.Option(help="Stage-1 checkpoint from which minigpt4-7b or offline-smollm2 starts.")
    ] = None,
    language_model: options.LanguageModel = None,
    vision_model: options.VisionModel = None,
    from_scratch: options.FromScratch = False,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe of the training, as `finegold tune` takes it.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Number of training steps. [default: the recipe's]")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Encoder for scores and clusters, as `finegold pick` takes it.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Benchmarks, such as flickr30k,okvqa; the first is the main one.")
    ] = None,
    task_data: Annotated[Path | None, typer.Option(help="Folder with a folder for each benchmark.")] = None,
    prompts: Annotated[
        str | None,
        typer.Option(
            help="Wording, as `finegold evaluate` takes it. [default: the study's, or the profile's]"
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="`greedy` or `ehub-2023`, as `finegold evaluate` takes it. [default: the study's]"),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use the first items of each benchmark.")] = None,
    keep_overlap: Annotated[
        bool,
        typer.Option(
            "--keep-overlap",
            help="Keep rows that have an image or a text of a benchmark's item; by default no arm has them.",
        ),
    ] = False,
    captions: Annotated[
        Path | None,
        typer.Option(
            help="File with lines of photo, tab, caption. The study trains the encoder and captioner "
            "`offline` on its photos, without those of the dataset and the benchmarks."
        ),
    ] = None,
    photos: Annotated[Path | None, typer.Option(help="Folder of the photos of --captions.")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Number of seeds of each arm that states none.")
    ] = None,
    show_plan: Annotated[
        bool, typer.Option("--plan", help="Print what the study would cost, from short trials, and stop.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of runs at the same time. [default: one for each GPU or core]"),
    ] = None,
    device: options.Device = "auto",
    *,
    output: OutputOptions,
) -> None:
    """Choose, tune and measure: arms x seeds, with intervals and a verdict in words.

    Finished runs are kept: the same command continues where a killed one stopped, and a study with a new arm
    runs only this arm.
    """
    from finegold.cli.show import show_plan_lines
    from finegold.run.records import to_json
    from finegold.study import load_study, plan_study, run_study

    changes: dict[str, Any] = {
        "data": {"path": _text(data), "images": _text(images), "run": _text(run)},
        "model": model,
        "parts": {
            "projection": _text(projection),
            "language_model": language_model,
            "vision_model": vision_model,
            "from_scratch": from_scratch or None,
        },
        "recipe": recipe,
        "steps": steps,
        "encoder": encoder,
        "seeds": seeds,
        "evaluation": {
            "tasks": None if tasks is None else list(options.names(tasks)),
            "data": _text(task_data),
            "limit": limit,
            "prompts": prompts,
            "profile": profile,
            "overlap": "keep" if keep_overlap else None,
        },
        "offline": {"captions": _text(captions), "images": _text(photos)},
    }
    wanted = load_study(name, changes)
    with output.printing() as facts:
        if show_plan:
            facts |= show_plan_lines(plan_study(wanted, out, workers=workers, device=device).lines())
        else:
            findings = run_study(wanted, out, workers=workers, device=device)
            facts |= to_json(findings)
            _show(findings, out / wanted.name)


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)


def _show(findings: "Findings", folder: Path) -> None:
    from finegold.cli.show import show_table, shown
    from finegold.report.study.task_tables import cells as task_cells
    from finegold.report.study.task_tables import heads as task_heads
    from finegold.report.study.task_tables import title as table_title
    from finegold.report.study.words import outcome_lines, summary

    for table in findings.tables[:1]:
        rows = [tuple(task_cells(table, line)) for line in table.lines]
        show_table(table_title(table), task_heads(table), rows, 110)
    for question in findings.questions[:1]:
        heads = ("arm", "rows", "seeds", f"mean, {findings.level:.0%} interval", f"to {findings.baseline}")
        lines = outcome_lines(findings, question)
        rows = [(line.arm.name, line.rows, line.seeds, line.mean, line.verdict) for line in lines]
        show_table(f"{question.title} ({question.images:,} images)", heads, rows, 110)
    for sentence in (*summary(findings), *(one.summary for one in findings.overlaps)):
        say(sentence)
    say(f"Tables      {shown(folder / 'table.md')}")
    say(f"Report      {shown(folder / 'study.html')}")
