"""The report's section on rows that were left out as duplicates, group by group."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from finegold.report.html import template
from finegold.report.selection.inputs import RowContent, Section


@dataclass(frozen=True, slots=True)
class DuplicateRow:
    """A row of a group; `reason` says why it was left out and is empty for the one that stays."""

    id: str
    content: RowContent
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Rows that are duplicates of one.

    Attributes:
        kept: The row that stays.
        chosen: Whether it was picked.
        removed: Some of the rows that it stands for.
        count: All of them.
    """

    kept: DuplicateRow
    chosen: bool
    removed: tuple[DuplicateRow, ...]
    count: int


def duplicates_section(
    counts: Mapping[str, int], groups: int, shown: tuple[DuplicateGroup, ...], settings: str
) -> Section:
    """How many rows were left out, and some of the groups.

    Args:
        counts: Rows left out by method.
        groups: Number of groups.
        shown: Those to show, the largest first.
        settings: What was looked for, as a person writes it.
    """
    body = template("duplicates.html").render(
        counts=counts, total=sum(counts.values()), groups=groups, shown=shown, settings=settings
    )
    return Section("duplicates", "Duplicates left out", Markup(body))
