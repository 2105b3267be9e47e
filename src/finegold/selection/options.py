"""Read sizes and weights as a person writes them."""

import math
import re
import sys
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from finegold.errors import BudgetError, ConfigError


def parse_size(text: str, rows: int) -> int:
    """Read a subset size: `200`, or `6%` of `rows`, rounded to the nearest whole number and at least 1.

    Args:
        text: A whole number above 0, or a percentage above 0 and at most 100.
        rows: Usable rows.

    Raises:
        BudgetError: If the size is more than there are rows.
        ConfigError: If the text is neither.
    """
    whole = re.fullmatch(r"\s*(\d+)\s*", text, re.ASCII)
    if whole and int(whole[1]) > 0:
        return check_budget(int(whole[1]), rows)
    percent = re.fullmatch(r"\s*(\d+(\.\d+)?)\s*%\s*", text, re.ASCII)
    if percent and 0 < Decimal(percent[1]) <= 100:
        share = (Decimal(percent[1]) * rows / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        return check_budget(max(1, int(share)), rows)
    raise ConfigError(f"size '{text}' is neither a whole number above 0, as '200', nor a percentage, as '6%'")


def check_subset_size(text: str) -> None:
    """Raise ConfigError if a text is no subset size, whatever the number of rows."""
    parse_size(text, sys.maxsize)


def check_budget(size: int, rows: int) -> int:
    """Return the size if that many rows can be used; raise BudgetError if not."""
    if size > rows:
        raise BudgetError(f"{size} rows were asked for and {rows} can be used; ask for at most {rows}")
    return size


def parse_weights(text: str) -> dict[str, float]:
    """Read `clip=1,length=0.5`: an indicator, `=`, a finite number.

    Raises:
        ConfigError: If a piece cannot be read, a name repeats, or every weight is 0.
    """
    weights: dict[str, float] = {}
    for piece in text.split(","):
        name, _, value = (part.strip() for part in piece.partition("="))
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not name or not math.isfinite(number):
            raise ConfigError(
                f"weights '{text}' cannot be read at '{piece}'; write them as 'clip=1,length=0.5'"
            )
        if name in weights:
            raise ConfigError(f"weights '{text}' name '{name}' twice; give each indicator one weight")
        weights[name] = number
    return check_weights(weights)


def check_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weights if any counts; raise ConfigError if all are 0."""
    if not any(weights.values()):
        raise ConfigError("every weight is 0, so no row is better than another; give some indicator a weight")
    return dict(weights)
