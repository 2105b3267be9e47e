"""What all verbs share: placeholders in capitals, earlier names of options, and what Ctrl-C says."""

import inspect
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

from finegold.cli.show import say
from finegold.errors import ConfigError

EARLIER_NAMES = {
    "compare": {"--csv": "--out"},
    "evaluate": {"--data": "--task-data"},
    "judge": {"--max-tokens": "--max-new-tokens", "--seed": "--bootstrap-seed"},
    "report": {"--judge": "--verdicts"},
    "tasks": {"--data": "--task-data"},
    "tune": {"--batch": "--batch-size", "--cache": "--features"},
}
"""Options that had another name in an earlier version, by verb: still understood, with a word about it."""
GOES_ON = {
    **dict.fromkeys(
        ("pick", "score", "cluster", "select", "compare", "generate", "evaluate", "judge"),
        "what is done is kept, and the same command continues where it stopped",
    ),
    "tune": "the last checkpoint is kept, and the same command continues there",
    "study": "finished runs are kept, and the same command continues with the others",
    "chat": "the chat has ended",
    "view": "the view has ended, and what was marked is kept",
}
"""How to go on after Ctrl-C, by verb; the other verbs begin again."""
BEGINS_AGAIN = "no file is half written, and the same command begins again"
RUNS = ("run", "folder", "folders")
"""Options and arguments that may be run folders in a store."""
SENDS = ("pick", "select", "tune", "evaluate")
"""Verbs that write a folder, `--out`, which may be in a store."""
_ANYWHERE = {"--debug": 1, "--log-level": 2}
"""Options of `finegold` itself that may also stand after the verb, with their number of words."""
MOST = 2**32 - 1
"""The largest whole number of an option; seeds of scikit-learn end there."""
_PLACEHOLDERS = {str: "TEXT", int: "N", float: "NUMBER", Path: "PATH"}


class Verb(TyperCommand):
    """A verb of the command line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the earlier names of options too, and say what they are called now."""
        earlier = EARLIER_NAMES.get(str(self.name), {})
        for position, word in enumerate(args):
            name, equals, value = word.partition("=")
            if name in earlier:
                say(f"finegold: {name} is now called {earlier[name]}", error=True)
                args[position] = earlier[name] + equals + value
        with _suggesting():
            rest = super().parse_args(ctx, args)
        for option in self.params:
            _check_number(max(option.opts, key=len), ctx.params.get(str(option.name)))
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; Ctrl-C ends it with a sentence on how to go on and the exit status 130."""
        try:
            with _places_of_this_computer(str(self.name), ctx.params):
                return super().invoke(ctx)
        except KeyboardInterrupt:
            print(file=sys.stderr)
            say(f"finegold: interrupted: {GOES_ON.get(str(self.name), BEGINS_AGAIN)}", error=True)
            raise typer.Exit(130) from None

    def get_help_option(self, ctx: Any) -> Any:
        """The option `--help`, without a placeholder; an argument is its own, so its type is not shown."""
        for one in self.params:
            if one.param_type_name == "argument":
                setattr(one, "display_type_rich", _no_type)  # noqa: B010 (not in every version of Typer)
        return _without_placeholder(super().get_help_option(ctx))


class Verbs(TyperGroup):
    """`finegold` itself."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take finegold's own options at any place of the command."""
        first: list[str] = []
        rest: list[str] = []
        words = iter(args)
        for word in words:
            name, equals, _ = word.partition("=")
            if name not in _ANYWHERE:
                rest.append(word)
                continue
            first.append(word)
            if _ANYWHERE[name] == 2 and not equals:
                first += [value for value in (next(words, None),) if value is not None]
        with _suggesting():
            return super().parse_args(ctx, first + rest)

    def get_help_option(self, ctx: Any) -> Any:
        """The option `--help`; no flag has a placeholder."""
        for one in self.params:
            if getattr(one, "is_flag", False):
                _without_placeholder(one)
        return _without_placeholder(super().get_help_option(ctx))


@contextmanager
def _places_of_this_computer(verb: str, given: dict[str, Any]) -> Iterator[None]:
    """In the block, run folders and outputs in stores are copies on this computer, which are sent.

    Raises:
        ConfigError: If another file or folder is an address.
    """
    if not any(":/" in str(value) for value in given.values()):
        yield
        return
    from finegold.run import local_file, lock_beside, mirror_of, working_copy

    out = given.get("out")
    for name, value in given.items():
        copy_of = working_copy if name in RUNS or (name == "out" and verb in SENDS) else local_file
        if isinstance(value, Path):
            given[name] = copy_of(value)
        elif name == "preset" and ":/" in value:  # a selection of a run folder
            given[name] = str(local_file(Path(value)))
        elif isinstance(value, list | tuple) and any(isinstance(one, Path) for one in value):
            given[name] = [copy_of(one) for one in value]
    mirror = mirror_of(given["out"]) if out != given.get("out") else None
    if mirror is None:
        yield
        return
    advice = "give --out another folder"
    with lock_beside(mirror.path, advice, again=True), mirror.turn(advice):
        yield


@contextmanager
def _suggesting() -> Iterator[None]:
    """In the block, a value that an option does not have gets the one that it is like, as names do."""
    from finegold.errors import did_you_mean

    try:
        yield
    except typer.BadParameter as error:
        found = re.search(r"'([^']*)' is not one of ('.*')", error.message)
        if found is not None:
            known = re.findall(r"'([^']*)'", found[2])
            error.message = (
                f"there is no '{found[1]}'{did_you_mean(found[1], known)}: give one of {', '.join(known)}"
            )
        raise


def _check_number(option: str, value: Any) -> None:
    """Raise ConfigError for a number that is inside every range by its letters and by no computation."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{option} is {value}, expected a finite number: give another one, or leave it out")
    if isinstance(value, int) and abs(value) > MOST:
        raise ConfigError(f"{option} is {value}, expected at most {MOST:,}: give a smaller number")


def _no_type(**_: object) -> None:
    return None


def _without_placeholder(option: Any) -> Any:
    if option is not None:
        option.metavar = ""
    return option


def with_placeholders(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with a placeholder in capitals at each option that states none; flags have none."""
    signature = inspect.signature(verb)
    verb.__signature__ = signature.replace(  # type: ignore[attr-defined]  # read by Typer
        parameters=[one.replace(annotation=_placed(one.annotation)) for one in signature.parameters.values()]
    )
    return verb


def _placed(annotation: Any) -> Any:
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, option = get_args(annotation)
    if not isinstance(option, type(typer.Option())) or option.metavar is not None:
        return annotation
    kinds = {kind, *get_args(kind)}
    kinds |= {one for other in kinds for one in get_args(other)}
    found = "" if bool in kinds else next((_PLACEHOLDERS[one] for one in _PLACEHOLDERS if one in kinds), None)
    option = copy(option)
    option.metavar = found
    return Annotated[kind, option]
