"""Which duplicates a report shows, and what its section is drawn from."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from finegold.report import RowContent, Section
from finegold.report.selection.duplicates import DuplicateGroup, DuplicateRow, duplicates_section
from finegold.workflow.choose import Choice

GROUPS = 24
"""Groups that are shown, the largest first."""
ROWS = 6
"""Rows left out that are shown of each."""


def shown_groups(choice: Choice) -> dict[str, list[str]]:
    """Ids of the rows that stay to those of the rows left out for them: what the report shows of each."""
    return {kept: removed[:ROWS] for kept, removed in _groups(choice)[:GROUPS]}


def _groups(choice: Choice) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for key, found in sorted(choice.selection.excluded.items()):
        if found.duplicate_of is not None:
            groups[found.duplicate_of].append(key)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def duplicates_sections(choice: Choice, contents: Mapping[str, RowContent]) -> list[Section]:
    """The section, if duplicates were looked for.

    Args:
        choice: With what was left out.
        contents: Of the rows of `shown_groups`.
    """
    settings = choice.manifest.configuration.settings()
    if settings is None:
        return []
    chosen, excluded = set(choice.selection.ids), choice.selection.excluded
    groups = _groups(choice)
    shown = tuple(
        DuplicateGroup(
            DuplicateRow(kept, contents[kept]),
            kept in chosen,
            tuple(DuplicateRow(key, contents[key], excluded[key].reason) for key in removed[:ROWS]),
            len(removed),
        )
        for kept, removed in groups[:GROUPS]
    )
    counts = Counter(one.code.removeprefix("duplicate-") for one in excluded.values() if one.duplicate_of)
    return [duplicates_section(counts, len(groups), shown, str(settings))]
