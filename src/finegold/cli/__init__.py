"""The command line: one thin file a verb. Importing it loads no table, image or model library."""

import os
import sys
from collections.abc import Callable
from io import TextIOWrapper

import typer

from finegold.cli import (
    chat,
    check,
    cluster,
    compare,
    demo,
    doctor,
    evaluate,
    export,
    generate,
    inspect,
    judge,
    mix,
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
    view,
)
from finegold.cli.explain import explain
from finegold.cli.logs import LogLevel, start_logging
from finegold.cli.show import say
from finegold.cli.verbs import Verb, Verbs, with_placeholders
from finegold.errors import FinegoldError
from finegold.extras import missing_extra
from finegold.version import __version__

_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="finegold",
    cls=Verbs,
    help="Choose the image-instruction rows that are worth fine-tuning a vision-language model on.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings=_HELP,
)
_PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "From data to subset": (pick.pick, inspect.inspect, replay.replay, presets.presets, scorers.scorers),
    "One step on a run folder": (
        score.score,
        cluster.cluster,
        select.select,
        report.report,
        check.check,
        export.export,
        view.view,
    ),
    "Whether the selection helps": (compare.compare, study.study, mix.mix, judge.judge, reproduce.reproduce),
    "This installation": (doctor.doctor,),
    "Models": (
        *(tune.tune, generate.generate, chat.chat, demo.demo),
        *(evaluate.evaluate, evaluate.compare_results, tasks.tasks),
    ),
}
for _panel, _verbs in _PANELS.items():
    for _verb in _verbs:
        app.command(cls=Verb, rich_help_panel=_panel, context_settings=_HELP)(with_placeholders(_verb))


def _version(show: bool) -> None:
    if show:
        print(f"finegold {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(  # noqa: ARG001 (its callback reads it)
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
    debug: bool = typer.Option(  # noqa: ARG001 (`main` reads it)
        False, "--debug", help="Show the traceback of an error; works at any place of the command."
    ),
    log_level: LogLevel = "warning",
) -> None:
    start_logging(log_level)


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 a check failed, 2 an error that is explained, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be UTF-8
    # Processes that are started look for no module in the current folder, which holds the data of others.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    debug = "--debug" in sys.argv or bool(os.environ.get("FINEGOLD_DEBUG"))
    try:
        app()
    except FinegoldError as error:
        if debug:
            raise
        say(f"finegold: {error}", error=True)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\nfinegold: interrupted", file=sys.stderr)  # before or after the verb, which says more
        sys.exit(130)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 (what reads our output has gone)
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        message: object = explain(error) or (
            f"unexpected {type(error).__name__}: {error}; "
            "this is a defect: run it again with --debug and report what it prints"
        )
        if isinstance(error, ModuleNotFoundError):
            message = missing_extra(error) or message
        say(f"finegold: {message}", error=True)
        sys.exit(2)
