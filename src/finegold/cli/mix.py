"""`finegold mix`: how much of each source?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions

if TYPE_CHECKING:
    from finegold.study import MixtureFindings


@options.grouped
def mix(
    study: Annotated[
        Path,
        typer.Option(help="Folder of a study's results, or a file of measured mixtures."),
    ],
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
    output: OutputOptions,
) -> None:
    """Fit how much of each source to train on, and say whether any mixture beats the proportional one.

    Intervals hold for all mixtures at once. The last line is the mixture to use, for `pick` and `select`.
    """
    from finegold.run.records import to_json
    from finegold.study import fit_mixtures
    from finegold.study.mix import write_mixture

    findings = fit_mixtures(study, task=task, choice=choice, fit=fit, level=level, seed=seed)
    write_mixture(findings, out)
    with output.printing() as facts:
        facts |= to_json(findings, mixture=findings.mixture)
        _show(findings, out)


def _show(findings: "MixtureFindings", out: Path) -> None:
    from finegold.cli.show import say, show_table, shown

    heads = ("measured", "mixture", "x 100", "gain over proportional")
    show_table(findings.target, heads, findings.rows()[:10], 110, numbers_from=2)
    for sentence in findings.sentences():
        say(sentence)
    say(f"Table       {shown(out / 'mix.md')}")
    say(f"Use         --group-by source --mixture {findings.mixture}")
