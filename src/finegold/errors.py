"""Errors that a user can act on.

Each message is one sentence: what was found, what was expected, and what to do. The command line prints it
without a traceback (`--debug` shows one) and exits with code 2.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from json import JSONDecodeError
from typing import Any


class FinegoldError(Exception):
    """Base of every error that finegold raises on purpose."""


class DataError(FinegoldError):
    """A dataset, a row or an image cannot be used as it is."""


class ModelError(FinegoldError):
    """A model cannot be found, reached, verified or loaded."""


class ConfigError(FinegoldError):
    """An option, a preset or a combination of them makes no sense."""


class BudgetError(FinegoldError):
    """More rows are asked for than there are."""


class RunError(FinegoldError):
    """A run folder is missing, damaged, locked or lacks a step that is needed."""


class MissingExtraError(FinegoldError):
    """An optional package is needed; the message holds the command that installs it."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'sound'?)` for a name that is like a known one, else nothing: a part of a message."""
    spelt = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), spelt, n=1, cutoff=0.75)
    return f" (did you mean '{spelt[near[0]]}'?)" if near else ""


def with_article(noun: str) -> str:
    """`an int`, `a float`: a noun with its article, for messages."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def counted(number: int, noun: str) -> str:
    """`1 row`, `1,200 rows`: a number with its noun, for messages."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


_UNKNOWN_FIELD = ("extra_forbidden", "unexpected_keyword_argument")
_OBJECTS = ("model_type", "model_attributes_type", "dict_type", "dataclass_type", "dataclass_exact_type")


def first_fault(error: Any, known: Iterable[str] = ()) -> str:
    """What is wrong first in a file that pydantic checked, in words: `'size' is missing`.

    A field that is unknown comes first: misspelt, it explains a missing one.

    Args:
        error: Pydantic's ValidationError.
        known: Names of fields, for a misspelt one.
    """
    first = min(error.errors(), key=lambda one: one["type"] not in _UNKNOWN_FIELD)
    place = ".".join(map(str, first["loc"]))
    what, kind, said = (f"'{place}'" if place else "it"), first["type"], str(first["msg"])
    if kind in ("missing", "missing_argument"):
        return f"{what} is missing"
    if kind in _UNKNOWN_FIELD:
        name = str(first["loc"][-1])
        return f"{what} is no field of it{did_you_mean(name, known)}"
    if kind in _OBJECTS:
        return f"{what} should be an object with fields"
    if kind == "json_invalid":
        return f"it is no JSON ({said.removeprefix('Invalid JSON: ')})"
    said = said.removeprefix("Value error, ")
    return f"{what} {said.removeprefix('Input ')}" if said.startswith("Input ") else f"{what}: {said}"


def why_unread(error: Exception) -> str:
    """Why a file of JSON or text cannot be read, in words: `No such file or directory`."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, UnicodeDecodeError):
        return f"it is no UTF-8 text, as its byte {error.start} shows"
    if isinstance(error, JSONDecodeError):
        return f"it is no JSON: {error.msg.lower()} at line {error.lineno}, column {error.colno}"
    return " ".join(str(error).split()) or type(error).__name__
