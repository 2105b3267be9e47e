"""What the study's drawings show: size against score, differences to the baseline, gains by cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from finegold.report.charts import IntervalRow, Key, Point, Series, band_lines, interval_key, interval_rows
from finegold.report.study.findings import ArmResult, Findings, Outcome, change_kind
from finegold.report.study.words import Line, outcome_lines, with_ends
from finegold.report.text import cut, printable

COLOURS = 8
"""Colours of series in the style sheet, `.series-0` to `.series-7`; they repeat."""
_KINDS = {
    "better": "better",
    "worse": "worse",
    "unclear": "no difference seen: the interval holds zero",
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, its legend, what is not in it, and the arm if it is about one."""

    svg: Markup
    keys: tuple[Key, ...]
    remarks: tuple[str, ...] = ()
    arm: str = ""


def difference_chart(findings: Findings, outcome: Outcome) -> Chart | None:
    """A row for each arm: its difference to the baseline with the interval, beside a line at zero.

    Returns:
        None if no arm has a difference.
    """
    rows = [
        IntervalRow(line.arm.name, line.change.times(outcome.scale), line.kind, line.difference)
        for line in outcome_lines(findings, outcome)
        if line.change is not None
    ]
    if not rows:
        return None
    better = "right" if outcome.better == "higher" else "left"
    axis = f"difference to {cut(findings.baseline, 20)} ({better} is better)"
    title = printable(f"{outcome.title}: differences to {findings.baseline}")
    return Chart(interval_rows(rows, _range(rows), axis=axis, title=title), _keys(rows))


def gain_charts(findings: Findings) -> list[Chart]:
    """For each arm, its gain over the baseline on the images of each cluster, all on one scale.

    Clusters are numbered from 1, as in the report of a selection. All charts have the same legend.
    """
    if not findings.questions:
        return []
    scale = findings.questions[0].scale
    by_arm: dict[str, list[IntervalRow]] = {}
    for gain in findings.gains:
        kind = change_kind(gain.difference, "higher")
        images = f"{gain.images:,} image" + ("" if gain.images == 1 else "s")
        words = f"{with_ends(gain.difference, scale, sign=True)} on {images}"
        row = IntervalRow(f"{gain.cluster + 1} ({gain.images:,})", gain.difference.times(scale), kind, words)
        by_arm.setdefault(gain.arm, []).append(row)
    every = [row for rows in by_arm.values() for row in rows]
    axis = f"gain over {cut(findings.baseline, 24)} (right is better)"
    charts = []
    for arm, rows in by_arm.items():
        title = printable(f"{arm}: gains by cluster")
        svg = interval_rows(rows, _range(every), axis=axis, title=title, heading="cluster (images)")
        charts.append(Chart(svg, _keys(every), arm=arm))
    return charts


def size_chart(findings: Findings, outcome: Outcome) -> Chart | None:
    """Rows trained on against the score: a line with its band for each preset of two or more sizes.

    Arms on all rows end every line. Arms that were not tuned are dashed horizontals, unless they lie so far
    off that the lines would be squeezed; then the remarks name them.

    Returns:
        None if no preset has two sizes.
    """
    lines = [line for line in outcome_lines(findings, outcome) if line.figure is not None]
    presets, remarks = _by_preset(lines)
    if not presets:
        return None
    whole = [line for line in lines if line.arm.whole and line.arm.rows]
    drawn = [_point(line) for line in (*(one for several in presets.values() for one in several), *whole)]
    ends = [end for point in drawn for end in point.estimate.ends or (point.estimate.value,)]
    low, high = min(ends), max(ends)
    levels = {}
    for line in lines:
        if line.arm.preset:
            continue
        value = _point(line).estimate.value
        if max(high, value) - min(low, value) > 2.5 * max(high - low, 1e-12):
            remarks.append(f"{line.arm.name}, not tuned: {line.mean}, beyond the drawing")
        else:
            levels[f"{line.arm.name}, not tuned: {line.mean}"] = value
    low, high = min([low, *levels.values()]), max([high, *levels.values()])
    pad = (high - low) * 0.06 or max(abs(high) * 0.05, 1e-6)
    base = next((_curve(one.arm) for one in lines if findings.baseline in (one.arm.name, one.arm.series)), "")
    end = _point(whole[0]) if whole else None
    series = [
        Series(
            preset,
            "series-base" if preset == base else f"series-{index % COLOURS}",
            index,
            [_point(line) for line in several],
            end,
        )
        for index, (preset, several) in enumerate(presets.items())
    ]
    if end is not None:
        name = f"{whole[0].arm.name}: the last point of every line"
        series.append(Series(name, "series-whole", 3, [end]))
    remarks += [f"{line.arm.name} is not drawn: all rows, as {whole[0].arm.name}" for line in whole[1:]]
    title = f"{printable(outcome.title)} against rows trained on"
    svg, keys = band_lines(
        series, levels, (low - pad, high + pad), outcome.scale, axis="rows trained on", title=title
    )
    # The last point of every line comes last in the legend, after the levels.
    keys += [keys.pop(len(presets))] if end is not None else []
    return Chart(svg, tuple(keys), tuple(remarks))


def _by_preset(lines: Sequence[Line]) -> tuple[dict[str, list[Line]], list[str]]:
    """Lines by preset with two sizes or more, in increasing size, and a remark on each that is not drawn."""
    found: dict[str, dict[int, Line]] = {}
    remarks = []
    for line in lines:
        arm = line.arm
        if not arm.preset or not arm.rows or arm.whole:
            continue
        other = found.setdefault(_curve(arm), {}).setdefault(arm.rows, line)
        if other is not line:
            remarks.append(f"{arm.name} is not drawn: as many rows by the same preset as {other.arm.name}")
    several = {preset: sizes for preset, sizes in found.items() if len(sizes) > 1}
    return {preset: [sizes[rows] for rows in sorted(sizes)] for preset, sizes in several.items()}, remarks


def _curve(arm: ArmResult) -> str:
    """Name of the line that an arm is a point of."""
    return arm.series or arm.preset


def _point(line: Line) -> Point:
    seeds = f", {line.arm.seeds} seeds" if line.arm.seeds > 1 else ""
    words = printable(f"{line.arm.name}, {line.arm.rows:,} rows{seeds}: {line.mean}")
    assert line.figure is not None
    return Point(line.arm.rows, line.figure.value, words)


def _range(rows: Sequence[IntervalRow]) -> tuple[float, float]:
    ends = [0.0, *(end for row in rows for end in (row.estimate.value, *(row.estimate.ends or ())))]
    pad = (max(ends) - min(ends)) * 0.05 or 1.0
    return min(ends) - pad, max(ends) + pad


def _keys(rows: Sequence[IntervalRow]) -> tuple[Key, ...]:
    there = {row.kind for row in rows}
    return tuple(interval_key(kind, text) for kind, text in _KINDS.items() if kind in there)
