"""The command line: one thin file a verb. Importing it loads no table, image or model library."""

import os
import sys

import typer

from finegold import __version__
from finegold.cli import (
    chat,
    cluster,
    compare,
    evaluate,
    generate,
    inspect,
    judge,
    pick,
    presets,
    replay,
    report,
    reproduce,
    score,
    scorers,
    select,
    study,
    tasks,
    tune,
)
from finegold.errors import FinegoldError

app = typer.Typer(
    name="finegold",
    help="Choose the image-instruction rows that are worth fine-tuning a vision-language model on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command(rich_help_panel="From data to subset")(pick.pick)
app.command(rich_help_panel="From data to subset")(inspect.inspect)
app.command(rich_help_panel="From data to subset")(replay.replay)
app.command(rich_help_panel="From data to subset")(presets.presets)
app.command(rich_help_panel="From data to subset")(scorers.scorers)
app.command(rich_help_panel="One step on a run folder")(score.score)
app.command(rich_help_panel="One step on a run folder")(cluster.cluster)
app.command(rich_help_panel="One step on a run folder")(select.select)
app.command(rich_help_panel="One step on a run folder")(report.report)
app.command(rich_help_panel="Is it any better?")(compare.compare)
app.command(rich_help_panel="What it does to a model")(tune.tune)
app.command(rich_help_panel="What it does to a model")(generate.generate)
app.command(rich_help_panel="What it does to a model")(chat.chat)
app.command(rich_help_panel="What it does to a model")(evaluate.evaluate)
app.command("compare-results", rich_help_panel="What it does to a model")(evaluate.compare_results)
app.command(rich_help_panel="What it does to a model")(tasks.tasks)
app.command(rich_help_panel="Is it any better?")(study.study)
app.command(rich_help_panel="Is it any better?")(judge.judge)
app.command(rich_help_panel="Is it any better?")(reproduce.reproduce)


def _version(show: bool) -> None:
    if show:
        print(f"finegold {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show a traceback with an error; goes anywhere."),
) -> None:
    pass


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 a check failed, 2 an error that is explained, 130 interrupted."""
    debug = "--debug" in sys.argv or bool(os.environ.get("FINEGOLD_DEBUG"))
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments)
    except FinegoldError as error:
        if debug:
            raise
        print(f"finegold: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\nfinegold: interrupted; the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 (what reads our output has gone)
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        print(
            f"finegold: unexpected {type(error).__name__}: {error}; "
            "this is a defect: run it again with --debug and report what it prints",
            file=sys.stderr,
        )
        sys.exit(2)
