"""The columns of a run's rows that the page sorts, filters and colours by."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from finegold.scorers import scorer_label

ColumnKind = Literal["number", "category"]


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column.

    Attributes:
        name: Its name in addresses and in the database.
        label: What the page calls it.
        kind: `number` has a range and a histogram; `category` has values that are counted.
        unit: Unit of a number; empty if it has none.
        indicator: Whether it is a score, which a card shows.
    """

    name: str
    label: str
    kind: ColumnKind
    unit: str = ""
    indicator: bool = False


SELECTION_COLUMNS = (
    ViewColumn("status", "Status", "category"),
    ViewColumn("code", "Exclusion code", "category"),
    ViewColumn("mark", "Mark", "category"),
    ViewColumn("kind", "Kind", "category"),
    ViewColumn("source", "Source", "category"),
    ViewColumn("group", "Group", "category"),
    ViewColumn("cluster", "Cluster", "category"),
    ViewColumn("quality", "Quality", "number", indicator=True),
    ViewColumn("rank", "Rank", "number"),
)
"""Columns that a selection decides, and what rows are grouped by."""
CHANGE = ViewColumn("change", "Beside the other selection", "category")
"""Of rows that one of two selections chose: which of them did."""
SAMPLE_COLUMNS = (
    ViewColumn("answer_chars", "Characters of the answers", "number"),
    ViewColumn("turns", "Turns", "number"),
    ViewColumn("n_images", "Images", "number"),
    ViewColumn("width", "Width", "number", "px"),
    ViewColumn("height", "Height", "number", "px"),
    ViewColumn("row", "Position in the data", "number"),
)
"""Columns that every run has."""
FIXED = frozenset(column.name for column in (*SELECTION_COLUMNS, CHANGE, *SAMPLE_COLUMNS)) | {
    *(
        "sample_id",
        "place",
        "reason",
        "duplicate_of",
        "question",
        "answer",
        "content_hash",
        "note",
        "images",
        "usable",
    ),
}
"""Names that no indicator and no brought column can have."""


def indicator_columns(names: Iterable[str]) -> dict[str, ViewColumn]:
    """The column of each indicator, by the name of the indicator; a name of `FIXED` gets a word behind it."""
    found = {}
    for name in names:
        label, unit = scorer_label(name)
        column = name if name not in FIXED else f"{name} (indicator)"
        found[name] = ViewColumn(column, label, "number", unit, indicator=True)
    return found


def attribute_column(name: str) -> ViewColumn:
    """The column of an attribute that was brought from a file."""
    return ViewColumn(name if name not in FIXED else f"{name} (column)", name, "category")


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
