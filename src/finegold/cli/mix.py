"""`finegold mix`: how much of each source?"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions

if TYPE_CHECKING:
    from finegold.study import MixtureFindings


@dataclass(frozen=True)
class MergingOptions:
    """How averages of tuned projections are measured."""

    tasks: Annotated[
        str | None, typer.Option(help="For --merge: tasks, as `finegold evaluate` takes them.")
    ] = None
    task_data: Annotated[Path, typer.Option(help="Folder with a folder for each benchmark.")] = Path()
    mixtures: Annotated[
        int, typer.Option(min=0, help="For --merge: number of random mixtures, beside the usual ones.")
    ] = 20
    prompts: Annotated[
        str | None, typer.Option(help="Wording, as `finegold evaluate` takes it. [default: direct]")
    ] = None
    limit: Annotated[int | None, typer.Option(min=1, help="Use the first items of each benchmark.")] = None
    device: options.Device = "auto"


@options.grouped
def mix(
    study: Annotated[
        Path | None,
        typer.Option(help="Folder of a study's results, or a file of measured mixtures."),
    ] = None,
    merge: Annotated[
        str | None,
        typer.Option(
            help="Folders that `finegold tune` wrote, each tuned on all rows of one source: "
            "`captions=tuned/captions,vqa=tuned/vqa`. Averages of their projections are measured."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for mix.json and mix.md.")] = Path("mix"),
    task: Annotated[
        str | None, typer.Option(help="Task to be good at. [default: average relative performance over all]")
    ] = None,
    choice: Annotated[
        str | None,
        typer.Option(
            help="Which runs to compare, by how their rows were chosen: `random 15%`. [default: the choice "
            "with most subsets]"
        ),
    ] = None,
    fit: Annotated[
        Literal["both", "linear", "gp"],
        typer.Option(help="What is fitted: a line, a Gaussian process, or both by how likely they are."),
    ] = "both",
    level: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Share of the draws in an interval.")
    ] = 0.95,
    seed: options.Seed = 0,
    *,
    merging: MergingOptions,
    output: OutputOptions,
) -> None:
    """Find how much of each source to train on, and say whether any mixture beats the proportional one.

    With --study the results of its runs are fitted on their mixtures. With --merge nothing is trained:
    projections that were tuned on one source each are averaged. The last line is the mixture to use, for
    `pick` and `select`.
    """
    from finegold.errors import ConfigError
    from finegold.run.records import to_json
    from finegold.study import fit_mixtures, merge_mixtures
    from finegold.study.mix import write_mixture

    if (study is None) == (merge is None):
        raise ConfigError("give --study or --merge: runs to fit, or tuned models to average")
    _refuse_others(study is not None, task=task, choice=choice, merging=merging)
    if study is not None:
        findings = fit_mixtures(study, task=task, choice=choice, fit=fit, level=level, seed=seed)
    else:
        if merging.tasks is None:
            raise ConfigError("--merge measures models: name --tasks, as finegold evaluate takes them")
        findings = merge_mixtures(
            _folders(merge or ""),
            tasks=options.names(merging.tasks),
            task_data=merging.task_data,
            out=out,
            mixtures=merging.mixtures,
            prompts=merging.prompts,
            limit=merging.limit,
            level=level,
            seed=seed,
            device=merging.device,
        )
    write_mixture(findings, out)
    with output.printing() as facts:
        facts |= to_json(findings, mixture=findings.mixture)
        _show(findings, out)


def _refuse_others(fits: bool, *, task: str | None, choice: str | None, merging: MergingOptions) -> None:
    """Refuse options that nothing would read."""
    from finegold.errors import ConfigError

    other, way = ("--merge", "--study") if fits else ("--study", "--merge")
    given = {"--tasks": merging.tasks, "--prompts": merging.prompts, "--limit": merging.limit}
    given = given if fits else {"--task": task, "--choice": choice}
    if unread := [name for name, value in given.items() if value is not None]:
        raise ConfigError(f"{', '.join(unread)} belongs to {other}, and {way} does not read it: leave it out")


def _folders(text: str) -> dict[str, str]:
    """Folders by source, from `captions=tuned/captions,vqa=tuned/vqa`."""
    from finegold.errors import ConfigError

    found: dict[str, str] = {}
    for piece in text.split(","):
        name, _, folder = (part.strip() for part in piece.partition("="))
        if not name or not folder or name in found:
            raise ConfigError(
                f"--merge cannot be read at '{piece}': write it as captions=tuned/captions,vqa=tuned/vqa"
            )
        found[name] = folder
    return found


def _show(findings: "MixtureFindings", out: Path) -> None:
    from finegold.cli.show import say, show_table, shown

    heads = ("measured", "mixture", "x 100", "gain over proportional")
    show_table(findings.target, heads, findings.rows()[:10], 110, numbers_from=2)
    for sentence in findings.sentences():
        say(sentence)
    say(f"Table       {shown(out / 'mix.md')}")
    say(f"Use         --group-by source --mixture {findings.mixture}")
