"""Sections of the report that not every selection has: duplicates, presets side by side, judged answers."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from finegold.report.html import render_part
from finegold.selection.compare import PresetComparison
from finegold.selection.mixture import MixtureTable, counts_of
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


@dataclass(frozen=True, slots=True)
class DuplicateGroups:
    """The rows that were excluded as duplicates.

    Attributes:
        counts: Excluded rows by pass: `exact`, `perceptual`, `semantic`.
        number: Number of groups.
        largest: Some groups, the largest first: the id of the row that stays, the first rows of those that
            duplicate it, by id, and how many there are.
    """

    counts: Counter[str]
    number: int
    largest: tuple[tuple[str, list[dict[str, Any]], int], ...]

    @classmethod
    def of(cls, excluded: pa.Table) -> "DuplicateGroups":
        """The groups of the excluded rows of a selection's table."""
        rows = excluded.filter(pc.is_valid(excluded["duplicate_of"]))
        by_code = counts_of(rows["code"])
        sizes = rows.group_by("duplicate_of").aggregate([([], "count_all")])
        order = [("count_all", "descending"), ("duplicate_of", "ascending")]
        largest = []
        for group in sizes.sort_by(order).slice(0, GROUPS).to_pylist():
            removed = rows.filter(pc.equal(rows["duplicate_of"], group["duplicate_of"]))
            first = removed.sort_by("sample_id").slice(0, DUPLICATES).to_pylist()
            largest.append((group["duplicate_of"], first, group["count_all"]))
        counts = Counter({code.removeprefix("duplicate-"): number for code, number in by_code.items()})
        return cls(counts, len(sizes), tuple(largest))


def duplicates_section(
    groups: DuplicateGroups,
    chosen: Collection[str],
    contents: Mapping[str, RowContent],
    settings: str,
) -> Section:
    """How many rows were excluded as duplicates, and some of the groups.

    Args:
        groups: The groups.
        chosen: Ids of the chosen rows.
        contents: Texts and thumbnails of the rows that are shown.
        settings: What was looked for, as a person writes it.
    """
    body = render_part(
        "duplicates.html",
        counts=groups.counts,
        total=groups.counts.total(),
        groups=groups.number,
        shown=[
            (kept, [(row["sample_id"], row["reason"]) for row in removed], number)
            for kept, removed, number in groups.largest
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
