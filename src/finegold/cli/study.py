"""`finegold study`: does the selection help?"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from finegold.cli import endpoint_options, options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say

if TYPE_CHECKING:
    from finegold.study import Findings


@dataclass(frozen=True)
class JudgingOptions:
    """How a judge compares the arms."""

    judge: Annotated[
        str | None,
        typer.Option(help="Benchmark whose answers a judge compares: llava-bench-wild or llava-bench-coco."),
    ] = None
    judge_model: options.JudgeModel = None
    context: Annotated[
        Path | None, typer.Option(help="LLaVA-Bench's context file, for a judge that sees no images.")
    ] = None
    judge_images: Annotated[
        bool | None,
        typer.Option("--judge-images/--no-judge-images", help="Whether the judge is shown the images."),
    ] = None
    base_url: endpoint_options.BaseUrl = None
    max_usd: endpoint_options.MaxUsd = None
    usd_per_m_prompt: endpoint_options.UsdPerMPrompt = None
    usd_per_m_completion: endpoint_options.UsdPerMCompletion = None

    def changes(self) -> dict[str, Any]:
        """The study file's table `judge`."""
        return {
            "task": self.judge,
            "model": self.judge_model,
            "context": _text(self.context),
            "images": self.judge_images,
            "base_url": self.base_url,
            "max_usd": self.max_usd,
            "usd_per_m_prompt": self.usd_per_m_prompt,
            "usd_per_m_completion": self.usd_per_m_completion,
        }


@options.grouped
def study(
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="paper-table4, paper-table5, size-sweep, presets, mixture, mixture-noise, or a .toml file.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for all runs and results; studies may share one.")] = Path(
        "studies"
    ),
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
        str | None,
        typer.Option(
            help="Tasks, such as flickr30k,questions=heldout.json, as `finegold evaluate` takes them; the "
            "first is the main one."
        ),
    ] = None,
    task_data: Annotated[
        Path | None, typer.Option(help="Folder with a folder for each task that is named without files.")
    ] = None,
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
    half: Annotated[
        Literal["a", "b"] | None,
        typer.Option(help="Measure half of the images: fit a selection on `a`, report results on `b`."),
    ] = None,
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
        bool,
        typer.Option(
            "--plan",
            help="Print what the study would cost and stop: from short trials, or for MiniGPT-4 from counted "
            "operations where something is missing.",
        ),
    ] = False,
    gpu: Annotated[
        str | None,
        typer.Option(
            help="For --plan with MiniGPT-4: count operations for `a100`, `h100`, or a JSON file of "
            "benchmarks/gpu.py, and run no trials."
        ),
    ] = None,
    usd_per_gpu_hour: Annotated[
        float | None, typer.Option(min=0, help="For --plan: price of an hour of a GPU in US dollars.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of runs at the same time. [default: one for each GPU or core]"),
    ] = None,
    device: options.Device = "auto",
    *,
    judging: JudgingOptions,
    output: OutputOptions,
) -> None:
    """Choose, tune and measure: arms x seeds, with intervals and a verdict in words.

    Finished runs are kept: the same command continues where a killed one stopped, and a study with a new arm
    runs only this arm.
    """
    from finegold.cli.show import show_plan_lines
    from finegold.errors import ConfigError
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
            "half": half,
            "prompts": prompts,
            "profile": profile,
            "overlap": "keep" if keep_overlap else None,
        },
        "offline": {"captions": _text(captions), "images": _text(photos)},
        "judge": judging.changes(),
    }
    wanted = load_study(name, changes)
    if not show_plan and (gpu is not None or usd_per_gpu_hour is not None):
        raise ConfigError("--gpu and --usd-per-gpu-hour are for a plan: give --plan too")
    with output.printing() as facts:
        if show_plan:
            plan = plan_study(
                wanted, out, workers=workers, device=device, gpu=gpu, usd_per_gpu_hour=usd_per_gpu_hour
            )
            facts |= show_plan_lines(plan.lines())
        else:
            findings = run_study(wanted, out, workers=workers, device=device)
            facts |= to_json(findings)
            _show(findings, out / wanted.results)


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
    if (question := findings.main) is not None:
        heads = ("arm", "rows", "seeds", f"mean, {findings.level:.0%} interval", f"to {findings.baseline}")
        lines = outcome_lines(findings, question)
        rows = [(line.arm.name, line.rows, line.seeds, line.mean, line.verdict) for line in lines]
        show_table(f"{question.title} ({question.images:,} images)", heads, rows, 110)
    for sentence in (*summary(findings), *(one.summary for one in findings.overlaps)):
        say(sentence)
    say(f"Tables      {shown(folder / 'table.md')}")
    say(f"Report      {shown(folder / 'study.html')}")
