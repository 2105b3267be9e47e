"""Why a row is excluded: the one register of codes.

Every step that cannot use a row says so with an `Exclusion`. Every code is a line of exclusions.csv beside
this module, from which docs/exclusions.md is made.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from finegold.errors import DataError

STEPS = {
    "reading": "The rows are read and checked (`finegold.samples`); `finegold inspect` does this alone.",
    "embedding": "The images are embedded for clusters and scores (`finegold.encoders`).",
    "scoring": "The scorers look at the rows (`finegold.scorers`).",
    "selection": "The indicators are combined into one quality (`finegold.selection`).",
    "overlap": "`--without` excludes what the items of a benchmark contain (`finegold.dedup`).",
    "deduplication": "`--dedup` marks rows that repeat a better one (`finegold.dedup`).",
    "answering": "A model answers the items of a benchmark (`finegold.models`, `finegold.evaluation`).",
}
"""The steps that exclude rows, in the order in which a run makes them."""


@dataclass(frozen=True, slots=True)
class ExclusionCode:
    """What a code means.

    Attributes:
        step: The step that excludes the row, a key of `STEPS`.
        meaning: One sentence on what was found.
        remedy: One sentence on what to do.
    """

    step: str
    meaning: str
    remedy: str


def _read_codes() -> dict[str, ExclusionCode]:
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return {row.pop("code"): ExclusionCode(**row) for row in csv.DictReader(file)}


CODES = _read_codes()
"""Every code that a step gives to a row; `SCORER-failed` stands for `clip-failed` and so on."""


def find_code(code: str) -> ExclusionCode:
    """Find what a code means; raises DataError if it is not in `CODES`."""
    found = CODES.get(code) or (CODES["SCORER-failed"] if code.endswith("-failed") else None)
    if found is None:
        raise DataError(
            f"the exclusion code '{code}' is unknown, expected one of {', '.join(CODES)}: use one of these"
        )
    return found


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why a row is excluded.

    Attributes:
        code: Short and stable, for programs and counts; a key of `CODES`, or `<scorer>-failed`.
        reason: One sentence for a person, naming what was found.
        duplicate_of: Id of the row that stays in its place; None unless it is a duplicate.

    Raises:
        DataError: If the code is unknown.
    """

    code: str
    reason: str
    duplicate_of: str | None = None

    def __post_init__(self) -> None:
        find_code(self.code)

    @property
    def step(self) -> str:
        """The step that excluded the row, a key of `STEPS`."""
        return find_code(self.code).step


class RowError(DataError):
    """A record or an image cannot be used; `exclusion` says why its row is excluded."""

    def __init__(self, reason: str, code: str = "malformed-row") -> None:
        super().__init__(reason)
        self.exclusion = Exclusion(code, reason)


class ImageError(RowError):
    """An image cannot be used."""
