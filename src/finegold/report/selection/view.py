"""ReportInputs to what the template prints: charts drawn, galleries in order, numbers beside their rank."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from finegold.arrays import Floats, Ints
from finegold.errors import ConfigError
from finegold.report.charts import histogram, histogram_svg, share_bars
from finegold.report.selection.inputs import Cluster, ExcludedRow, Indicator, ReportInputs, RowContent
from finegold.report.selection.points import PALETTE, Points, points
from finegold.report.text import number

FIRST = 60
_LONGEST = 6_000
_LEAD = 420


@dataclass(frozen=True, slots=True)
class Shown:
    """One number of one row: `top` is the share of the pool at or above it, None where there is no number."""

    label: str
    value: float | None
    top: float | None


@dataclass(frozen=True, slots=True)
class Card:
    """One row of a gallery: `lead` and `rest` are its answer, `cut` counts the characters left out."""

    row: int
    id: str
    content: RowContent
    lead: str
    rest: str
    cut: int
    cluster: int | None
    rank: int
    scores: tuple[Shown, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One distribution."""

    label: str
    chart: Markup | None
    pool_median: float | None
    pick_median: float | None
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One line of the cluster table."""

    number: int
    cluster: Cluster
    picked: int
    pool_share: float
    pick_share: float
    bars: Markup
    colour: str
    examples: tuple[tuple[int, str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the template computes nothing about."""

    size: int
    summary: str
    panels: tuple[Panel, ...]
    clusters: tuple[ClusterRow, ...]
    cards: tuple[Card, ...]
    misses: tuple[Card, ...]
    excluded: tuple[tuple[str, int, tuple[ExcludedRow, ...]], ...]
    map: Points | None


def page(inputs: ReportInputs) -> Page:
    """Derive what the template prints.

    Raises:
        ConfigError: If an array is not as long as `rows.ids`, or an id is not among them.
    """
    _check(inputs)
    rows = inputs.rows
    position = {id: row for row, id in enumerate(rows.ids)}
    columns = _columns(inputs)
    sorted_columns = [np.sort(column.values[np.isfinite(column.values)]) for column in columns]

    def card(id: str, why: str = "") -> Card:
        if id not in position or id not in inputs.contents:
            raise ConfigError(
                f"row {id!r} is to be shown, but its content or its numbers are missing; give both"
            )
        row, content = position[id], inputs.contents[id]
        lead, rest, cut = _pieces(content.answer)
        shown = tuple(
            _shown(column, ordered, row) for column, ordered in zip(columns, sorted_columns, strict=True)
        )
        cluster = None if rows.labels is None else int(rows.labels[row])
        return Card(row, id, content, lead, rest, cut, cluster, int(rows.rank[row]), shown, why)

    chosen = np.flatnonzero(rows.selected)
    chosen = chosen[np.argsort(rows.rank[chosen], kind="stable")]
    return Page(
        size=len(chosen),
        summary=_inside_a_sentence(inputs.selection.summary),
        panels=tuple(_panel(column, inputs) for column in columns),
        clusters=_cluster_rows(inputs, position),
        cards=tuple(card(rows.ids[row]) for row in chosen if rows.ids[row] in inputs.contents),
        misses=tuple(card(miss.id, miss.why) for miss in inputs.near_misses),
        excluded=_by_code(inputs),
        map=points(rows),
    )


def _check(inputs: ReportInputs) -> None:
    count = len(inputs.rows.ids)
    arrays: dict[str, Floats | Ints] = {
        f"indicator {column.name!r}": column.values for column in inputs.indicators
    }
    optional = {"quality": inputs.rows.quality, "labels": inputs.rows.labels, "xy": inputs.rows.xy}
    arrays |= {name: array for name, array in optional.items() if array is not None}
    for name, array in {**arrays, "rank": inputs.rows.rank}.items():
        if len(array) != count:
            raise ConfigError(f"{name} has {len(array)} values for {count} rows; give one a row")
    labels = inputs.rows.labels
    if (
        labels is not None
        and count
        and not 0 <= int(labels.min()) <= int(labels.max()) < len(inputs.clusters)
    ):
        raise ConfigError(f"a cluster label is outside the {len(inputs.clusters)} clusters; count from 0")


def _columns(inputs: ReportInputs) -> list[Indicator]:
    """The indicators, after the quality that was made of them."""
    quality = inputs.rows.quality
    if quality is None:
        return list(inputs.indicators)
    made_of = inputs.selection.formula
    return [Indicator("quality", "Quality", made_of, quality), *inputs.indicators]


def _shown(column: Indicator, ordered: Floats, row: int) -> Shown:
    value = float(column.values[row])
    if not np.isfinite(value):
        return Shown(column.label, None, None)
    at_or_above = len(ordered) - int(np.searchsorted(ordered, value, side="left"))
    return Shown(column.label, value, at_or_above / len(ordered))


def _panel(column: Indicator, inputs: ReportInputs) -> Panel:
    known = np.isfinite(column.values)
    pool, chosen = column.values[known], column.values[known & inputs.rows.selected]
    remarks = []
    if column.failed:
        remarks.append(f"{column.failed:,} have no score: the scorer failed on them")
    if column.skipped:
        remarks.append(f"{column.skipped:,} have no score: it does not apply to them")
    if len(pool) == 0:
        return Panel(column.label, None, None, None, tuple(remarks))
    counts = histogram(pool, chosen)
    if counts.below + counts.above:
        remarks.append(f"{counts.below + counts.above:,} beyond the axis are counted in its outermost bars")
    medians = (float(np.median(pool)), float(np.median(chosen)) if len(chosen) else None)
    words = f"{column.label}: median {number(medians[0])} in the pool" + (
        f", {number(medians[1])} in the selection" if medians[1] is not None else ""
    )
    chart = histogram_svg(counts, medians, axis=column.unit or column.label, title=words)
    return Panel(column.label, chart, *medians, tuple(remarks))


def _cluster_rows(inputs: ReportInputs, position: dict[str, int]) -> tuple[ClusterRow, ...]:
    rows = inputs.rows
    if rows.labels is None:
        return ()
    picked = np.bincount(rows.labels[rows.selected], minlength=len(inputs.clusters))
    total, size = max(len(rows.ids), 1), max(int(picked.sum()), 1)
    top = max([cluster.size / total for cluster in inputs.clusters] + [int(count) / size for count in picked])
    lines = []
    for label, cluster in enumerate(inputs.clusters):
        shares = (cluster.size / total, int(picked[label]) / size)
        words = f"{number(shares[0] * 100)}% of the pool, {number(shares[1] * 100)}% of the selection"
        examples = tuple(
            (position[id], id, thumbnail)
            for id in cluster.examples
            if id in position and id in inputs.contents
            if (thumbnail := inputs.contents[id].thumbnail) is not None
        )
        lines.append(
            ClusterRow(
                label + 1,
                cluster,
                int(picked[label]),
                *shares,
                share_bars(*shares, top, words),
                PALETTE[label % len(PALETTE)],
                examples,
            )
        )
    return tuple(lines)


def _by_code(inputs: ReportInputs) -> tuple[tuple[str, int, tuple[ExcludedRow, ...]], ...]:
    groups: dict[str, list[ExcludedRow]] = {code: [] for code in inputs.excluded_counts}
    for row in inputs.excluded:
        groups.setdefault(row.code, []).append(row)
    counted = [
        (code, inputs.excluded_counts.get(code, len(found)), tuple(found)) for code, found in groups.items()
    ]
    return tuple(sorted(counted, key=lambda group: (-group[1], group[0])))


def _inside_a_sentence(sentence: str) -> str:
    """As it stands after a colon: "The best" begins small, "CLIP alone" does not."""
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() else sentence


def _pieces(answer: str) -> tuple[str, str, int]:
    """The beginning of an answer, the rest up to `_LONGEST` characters, and how many more there are."""
    shown, cut = answer[:_LONGEST], max(len(answer) - _LONGEST, 0)
    if len(shown) <= _LEAD * 1.25:
        return shown, "", cut
    end = shown.rfind(" ", _LEAD // 2, _LEAD)
    end = end if end > 0 else _LEAD
    return shown[:end], shown[end:], cut
