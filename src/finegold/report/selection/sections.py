"""Sections of the report that not every selection has: duplicates, presets side by side, judged answers."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from finegold.report.html import render_part
from finegold.selection.compare import PresetComparison
from finegold.selection.mixture import MixtureTable
from finegold.statistics import Estimate

GROUPS = 24
"""Groups of duplicates that are shown, the largest first."""
MOST_GROUPS = 60
"""Groups of a mixture that are listed, the largest first."""
DUPLICATES = 6
"""Rows of each group that are shown beside the one that stays."""


@dataclass(frozen=True, slots=True)
class Section:
    """A further part of the report, shown before "How to make it again".

    Attributes:
        anchor: Unique HTML id: a letter, then letters, digits and hyphens.
        title: Plain text.
        body: HTML from an autoescaping template. It may use the page's classes, and no script.
    """

    anchor: str
    title: str
    body: Markup


@dataclass(frozen=True, slots=True)
class RowContent:
    """What a row says.

    Attributes:
        place: Where it is in the dataset: `pool.json record 12`.
        instruction: May be empty.
        answer: What a model would be trained to say.
        thumbnail: WebP file, see `finegold.samples.thumbnails`; None without an image that can be read.
        image: Address of the image's file, which the thumbnail opens; empty if it is in no file.
    """

    place: str
    instruction: str
    answer: str
    thumbnail: bytes | None = field(default=None, repr=False)
    image: str = ""


def duplicate_groups(excluded: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The id of each row that stays with the rows that duplicate it, the largest group first.

    Args:
        excluded: The excluded rows of a selection's table.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(excluded, key=lambda row: str(row["sample_id"])):
        if row["duplicate_of"] is not None:
            groups.setdefault(row["duplicate_of"], []).append(row)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def duplicates_section(
    groups: Sequence[tuple[str, Sequence[Mapping[str, Any]]]],
    chosen: Collection[str],
    contents: Mapping[str, RowContent],
    settings: str,
) -> Section:
    """How many rows were excluded as duplicates, and some of the groups.

    Args:
        groups: All groups, from `duplicate_groups`.
        chosen: Ids of the chosen rows.
        contents: Texts and thumbnails of the rows that are shown.
        settings: What was looked for, as a person writes it.
    """
    counts = Counter(row["code"].removeprefix("duplicate-") for _, removed in groups for row in removed)
    body = render_part(
        "duplicates.html",
        counts=counts,
        total=counts.total(),
        groups=len(groups),
        shown=[
            (kept, [(row["sample_id"], row["reason"]) for row in removed[:DUPLICATES]], len(removed))
            for kept, removed in groups[:GROUPS]
        ],
        chosen=chosen,
        contents=contents,
        settings=settings,
    )
    return Section("duplicates", "Duplicates excluded", body)


def mixture_section(tables: Sequence[MixtureTable]) -> Section:
    """Tables of the groups that came in and of what was chosen of each."""
    return Section("mixture", "Mixture", render_part("mixture.html", tables=tables, most=MOST_GROUPS))


def comparison_section(result: PresetComparison, name: str) -> Section:
    """Tables of the figures of presets and of the rows in common.

    Args:
        result: The comparison.
        name: Short name that tells it from others, of letters and digits.
    """
    names = [name for name in result.names() if not name.startswith("is ")]
    body = render_part("comparison.html", result=result, names=names, figure=figure_text)
    return Section(f"comparison-{name}", f"Presets compared at {result.size:,} rows", body)


def figure_text(name: str, value: Estimate | float | None) -> str:
    """A mean with the half width of its interval; shares of rows in percent; empty if there is none."""
    if value is None:
        return ""
    estimate = value if isinstance(value, Estimate) else Estimate(value)
    low, high = estimate.ends or (estimate.value, estimate.value)
    scale, unit = (100, "%") if name == "bad" or name.startswith("is ") else (1, "")
    mean = f"{estimate.value * scale:.3g}{unit}"
    half = (high - low) / 2 * scale
    return mean if half == 0 else f"{mean} ±{half:.2g}"
