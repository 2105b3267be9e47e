"""The report's section on rows that were excluded as duplicates, group by group."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from finegold.report.html import render_part
from finegold.report.selection.inputs import RowContent, Section

GROUPS = 24
"""Groups that are shown, the largest first."""
ROWS = 6
"""Rows of each group that are shown beside the one that stays."""
Group = tuple[str, Sequence[Mapping[str, Any]]]
"""Id of the row that stays, and the rows of the selection's table that duplicate it."""


def duplicate_groups(excluded: Sequence[Mapping[str, Any]]) -> list[Group]:
    """Each row that stays with the rows that duplicate it, the largest group first.

    Args:
        excluded: The excluded rows of a selection's table.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(excluded, key=lambda row: str(row["sample_id"])):
        if row["duplicate_of"] is not None:
            groups.setdefault(row["duplicate_of"], []).append(row)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def shown_duplicates(groups: Sequence[Group]) -> set[str]:
    """Ids of the rows whose contents the section shows."""
    return {
        key
        for kept, removed in groups[:GROUPS]
        for key in (kept, *(row["sample_id"] for row in removed[:ROWS]))
    }


def duplicates_section(
    groups: Sequence[Group], chosen: Collection[str], contents: Mapping[str, RowContent], settings: str
) -> Section:
    """How many rows were excluded, and some of the groups.

    Args:
        groups: All groups, from `duplicate_groups`.
        chosen: Ids of the chosen rows.
        contents: Texts and thumbnails of the rows of `shown_duplicates`.
        settings: What was looked for, as a person writes it.
    """
    counts = Counter(row["code"].removeprefix("duplicate-") for _, removed in groups for row in removed)
    shown = [
        {
            "kept": {"id": kept, "content": contents[kept], "reason": ""},
            "chosen": kept in chosen,
            "removed": [
                {"id": row["sample_id"], "content": contents[row["sample_id"]], "reason": row["reason"]}
                for row in removed[:ROWS]
            ],
            "count": len(removed),
        }
        for kept, removed in groups[:GROUPS]
    ]
    body = render_part(
        "duplicates.html",
        counts=counts,
        total=sum(counts.values()),
        groups=len(groups),
        shown=shown,
        settings=settings,
    )
    return Section("duplicates", "Duplicates excluded", body)
