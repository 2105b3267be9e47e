"""Errors that a user can act on.

Each message is one sentence: what was found, what was expected, and what to do. The command line prints it
without a traceback (`--debug` shows one) and exits with code 2.
"""

from collections.abc import Iterable
from difflib import get_close_matches


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
