"""Plots of findings as SVG text: size against score, differences to the baseline, gains by cluster."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from finegold.report.charts import number, open_svg, text_svg, ticks
from finegold.report.study.findings import ArmResult, Figure, Findings, Interval, Outcome
from finegold.report.study.words import Kind, kind, printable, with_ends

COLOURS = 8
"""Colours of series in the style sheet, `.series-0` to `.series-7`; they repeat."""
_WIDTH = 400
_LOG_FROM = 5
"""Sizes whose largest is over this many times the smallest are drawn on a logarithmic axis."""


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend."""

    mark: Markup
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, its legend, and what is not in it."""

    svg: Markup
    keys: tuple[Key, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gains:
    """A drawing an arm, on one scale, and the legend of all of them."""

    panels: tuple[tuple[str, Markup], ...]
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class _Point:
    arm: ArmResult
    value: Interval

    @property
    def low(self) -> float:
        return self.value.value if self.value.low is None else self.value.low

    @property
    def high(self) -> float:
        return self.value.value if self.value.high is None else self.value.high


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    value: Interval
    kind: Kind
    words: str


def size_chart(findings: Findings, question: Outcome) -> Chart | None:
    """Rows trained on against the score: a line with its band for each preset of two or more sizes.

    Arms on all rows end every line. Arms that were not tuned are dashed horizontals, unless they lie so far
    off that the lines would be squeezed; then the remarks name them.

    Returns:
        None if no preset has two sizes.
    """
    points = _points(findings, question)
    series, remarks = _series(points)
    if not series:
        return None
    whole = [point for point in points if point.arm.whole and point.arm.rows]
    drawn = [point for line in series.values() for point in line] + whole
    low, high = min(point.low for point in drawn), max(point.high for point in drawn)
    levels = []
    for point in points:
        if point.arm.preset:
            continue
        widened = max(high, point.value.value) - min(low, point.value.value)
        if widened > 2.5 * max(high - low, 1e-12):
            shown = with_ends(point.value, question.scale)
            remarks.append(f"{point.arm.name}, not tuned: {shown}, beyond the drawing")
        else:
            levels.append(point)
    low, high = min([low, *(p.value.value for p in levels)]), max([high, *(p.value.value for p in levels)])
    base = next((point.arm.preset for point in points if point.arm.name == findings.baseline), "")
    return _draw_sizes(question, series, whole, levels, (low, high), remarks, base)


def difference_chart(findings: Findings, question: Outcome) -> Chart | None:
    """A row an arm: its difference to the baseline with the interval, beside a line at zero.

    Returns:
        None if no arm has a difference.
    """
    rows = []
    for figure in question.figures:
        if figure.difference is not None:
            words = with_ends(figure.difference, question.scale, sign=True)
            scaled = _scaled(figure.difference, question.scale)
            rows.append(_Row(figure.arm, scaled, kind(findings, question, figure), words))
    if not rows:
        return None
    better = "right" if question.better == "higher" else "left"
    axis = f"difference to {_cut(findings.baseline, 20)} ({better} is better)"
    title = f"{question.title}: differences to {findings.baseline}"
    return Chart(_draw_rows(rows, _domain(rows), axis, title, beside=False), _kinds(rows))


def gain_charts(findings: Findings) -> Gains | None:
    """For each arm, its gain over the baseline on the images of each cluster, all on one scale.

    Clusters are numbered from 1, as in the report of a selection.

    Returns:
        None if there are no gains.
    """
    if not findings.gains or not findings.questions:
        return None
    scale = findings.questions[0].scale
    by_arm: dict[str, list[_Row]] = {}
    for gain in findings.gains:
        value = gain.difference
        clear = value.low is not None and value.high is not None and not value.low <= 0 <= value.high
        what: Kind = "unclear" if not clear else "better" if value.value > 0 else "worse"
        images = f"{gain.images:,} image" + ("" if gain.images == 1 else "s")
        words = f"{with_ends(value, scale, sign=True)} on {images}"
        label = f"{gain.cluster + 1} ({gain.images:,})"
        by_arm.setdefault(gain.arm, []).append(_Row(label, _scaled(value, scale), what, words))
    all_rows = [row for rows in by_arm.values() for row in rows]
    domain = _domain(all_rows)
    axis = f"gain over {_cut(findings.baseline, 24)} (right is better)"
    panels = tuple(
        (arm, _draw_rows(rows, domain, axis, f"{arm}: gains by cluster", beside=True))
        for arm, rows in by_arm.items()
    )
    return Gains(panels, _kinds(all_rows))


def _points(findings: Findings, question: Outcome) -> list[_Point]:
    figures: dict[str, Figure] = {figure.arm: figure for figure in question.figures}
    return [_Point(arm, figures[arm.name].value) for arm in findings.arms if arm.name in figures]


def _series(points: Sequence[_Point]) -> tuple[dict[str, list[_Point]], list[str]]:
    """Points by preset with two sizes or more, in increasing size, and a remark on each that is left out."""
    found: dict[str, dict[int, _Point]] = {}
    remarks = []
    for point in points:
        if not point.arm.preset or not point.arm.rows or point.arm.whole:
            continue
        sizes = found.setdefault(point.arm.preset, {})
        if point.arm.rows in sizes:
            other = sizes[point.arm.rows].arm.name
            remarks.append(f"{point.arm.name} is not drawn: as many rows by the same preset as {other}")
        else:
            sizes[point.arm.rows] = point
    series = {
        preset: [sizes[rows] for rows in sorted(sizes)] for preset, sizes in found.items() if len(sizes) > 1
    }
    return series, remarks


def _draw_sizes(
    question: Outcome,
    series: dict[str, list[_Point]],
    whole: Sequence[_Point],
    levels: Sequence[_Point],
    span: tuple[float, float],
    remarks: Sequence[str],
    base: str,
) -> Chart:
    height, left, right, top, bottom = 270, 48, 16, 14, 46
    scale = question.scale
    sizes = sorted({point.arm.rows for line in (*series.values(), whole) for point in line})
    log = sizes[-1] > _LOG_FROM * sizes[0]
    axis = _axis([math.log(s) if log else float(s) for s in sizes], left, _WIDTH - right)
    pad = (span[1] - span[0]) * 0.06 or max(abs(span[1]) * 0.05, 1e-6)
    low, high = span[0] - pad, span[1] + pad

    def x(rows: int) -> float:
        return axis(math.log(rows) if log else float(rows))

    def y(value: float) -> float:
        return height - bottom - (value - low) / (high - low) * (height - top - bottom)

    parts = [open_svg(_WIDTH, height, f"{printable(question.title)} against rows trained on")]
    for tick in ticks(low * scale, high * scale):
        level = y(tick / scale)
        parts.append(f'<path class="grid" d="M{left} {level:.1f}H{_WIDTH - right}"/>')
        parts.append(text_svg(left - 6, level + 4, number(tick), "end"))
    taken = -math.inf
    for size in sizes:
        words = f"{size:,}"
        if x(size) - taken > 9 * len(words) + 8:
            at = min(x(size), _WIDTH - 4.5 * len(words))
            parts.append(text_svg(at, height - bottom + 18, words, "middle"))
            taken = x(size)
    axis_words = "rows trained on" + (" (logarithmic axis)" if log else "")
    parts.append(text_svg((left + _WIDTH - right) / 2, height - 6, axis_words, "middle", "axis"))
    keys, lines = [], []
    for index, (preset, line) in enumerate(series.items()):
        css = "series-base" if preset == base else f"series-{index % COLOURS}"
        ended = [*line, *whole[:1]]
        upper = " ".join(f"{x(p.arm.rows):.1f},{y(p.high):.1f}" for p in ended)
        lower = " ".join(f"{x(p.arm.rows):.1f},{y(p.low):.1f}" for p in reversed(ended))
        parts.append(f'<polygon class="band {css}" points="{upper} {lower}"/>')
        path = " ".join(f"{x(p.arm.rows):.1f},{y(p.value.value):.1f}" for p in ended)
        lines.append(f'<polyline class="line {css}" points="{path}"/>')
        lines += [_dot(p, x(p.arm.rows), y(p.value.value), css, index, scale) for p in line]
        keys.append(Key(_swatch(css, index), preset))
    for index, point in enumerate(levels):
        level = y(point.value.value)
        lines.append(f'<path class="level level-{index % 3}" d="M{left} {level:.1f}H{_WIDTH - right}"/>')
        mark = f'<path class="level level-{index % 3}" d="M0 7H22"/>'
        shown = with_ends(point.value, scale)
        keys.append(Key(_mark(mark), f"{point.arm.name}, not tuned: {shown}"))
    for point in whole[:1]:
        lines.append(_dot(point, x(point.arm.rows), y(point.value.value), "series-whole", 3, scale))
        keys.append(Key(_swatch("series-whole", 3), f"{point.arm.name}: the last point of every line"))
    further = [f"{point.arm.name} is not drawn: all rows, as {whole[0].arm.name}" for point in whole[1:]]
    svg = Markup("".join([*parts, *lines]) + "</svg>")
    return Chart(svg, tuple(keys), (*remarks, *further))


def _draw_rows(
    rows: Sequence[_Row], domain: tuple[float, float], axis: str, title: str, *, beside: bool
) -> Markup:
    """Intervals under one another; labels beside them if those are short, else above them."""
    left, right, bottom = (92 if beside else 10), 14, 46
    step = 24 if beside else 44
    top = 18 if beside else 4
    height = top + step * len(rows) + bottom
    x = _axis(domain, left, _WIDTH - right)
    floor = height - bottom
    parts = [open_svg(_WIDTH, height, printable(title))]
    for tick in ticks(*domain, 6):
        parts.append(f'<path class="grid" d="M{x(tick):.1f} {top}V{floor}"/>')
        parts.append(text_svg(x(tick), floor + 18, _tick(tick), "middle"))
    parts.append(f'<path class="zero" d="M{x(0):.1f} {top}V{floor}"/>')
    parts.append(text_svg((left + _WIDTH - right) / 2, height - 6, printable(axis), "middle", "axis"))
    if beside:
        parts.append(text_svg(4, 12, "cluster (images)", "start"))
    for index, row in enumerate(rows):
        start = top + step * index
        middle = start + (step / 2 if beside else 31)
        if beside:
            parts.append(text_svg(4, middle + 5, row.label, "start"))
        else:
            name = _cut(row.label, 50 - len(row.words))
            parts.append(text_svg(left, start + 17, name, "start", "axis"))
            parts.append(text_svg(_WIDTH - right, start + 17, row.words, "end"))
        value, low, high = row.value.value, row.value.low, row.value.high
        if low is not None and high is not None:
            ends = f"M{x(low):.1f} {middle:.1f}H{x(high):.1f}"
            parts.append(f'<path class="whisker {row.kind}" d="{ends}"/>')
        parts.append(f'<circle class="mean {row.kind}" cx="{x(value):.1f}" cy="{middle:.1f}" r="5"/>')
        words = escape(printable(f"{row.label}: {row.words}"))
        parts.append(
            f'<rect class="hover" x="0" y="{start}" width="{_WIDTH}" height="{step}">'
            f"<title>{words}</title></rect>"
        )
    return Markup("".join(parts) + "</svg>")


def _axis(values: Sequence[float], left: float, right: float) -> Callable[[float], float]:
    low, high = min(values), max(values)
    width = high - low or 1.0
    return lambda value: left + (value - low) / width * (right - left)


def _domain(rows: Sequence[_Row]) -> tuple[float, float]:
    ends = [0.0]
    for row in rows:
        ends += [end for end in (row.value.value, row.value.low, row.value.high) if end is not None]
    low, high = min(ends), max(ends)
    pad = (high - low) * 0.05 or 1.0
    return low - pad, high + pad


def _scaled(value: Interval, scale: float) -> Interval:
    low, high = (None if end is None else end * scale for end in (value.low, value.high))
    return Interval(value.value * scale, low, high)


def _tick(value: float) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def _cut(text: str, longest: int) -> str:
    text = printable(text)
    return text if len(text) <= longest else text[: max(longest - 1, 1)].rstrip() + "…"


def _kinds(rows: Sequence[_Row]) -> tuple[Key, ...]:
    words: dict[Kind, str] = {
        "better": "better",
        "worse": "worse",
        "unclear": "no difference seen: the interval holds zero",
    }
    there = {row.kind for row in rows}
    return tuple(Key(_mark(_interval_mark(name)), text) for name, text in words.items() if name in there)


def _interval_mark(name: Kind) -> str:
    return f'<path class="whisker {name}" d="M0 7H22"/><circle class="mean {name}" cx="11" cy="7" r="4.5"/>'


def _dot(point: _Point, x: float, y: float, css: str, shape: int, scale: float) -> str:
    seeds = f", {point.arm.seeds} seeds" if point.arm.seeds > 1 else ""
    words = f"{point.arm.name}, {point.arm.rows:,} rows{seeds}: {with_ends(point.value, scale)}"
    drawn = _shape(shape, x, y)
    return f'<g class="dot-mark {css}">{drawn}<title>{escape(printable(words))}</title></g>'


def _shape(index: int, x: float, y: float) -> str:
    """Series differ in form as well as in colour."""
    if index % 4 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    if index % 4 == 1:
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
    if index % 4 == 2:
        return f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z"/>'
    return f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>'


def _swatch(css: str, shape: int) -> Markup:
    dot = f'<g class="dot-mark {css}">{_shape(shape, 11, 7)}</g>'
    return _mark(f'<path class="line {css}" d="M0 7H22"/>{dot}')


def _mark(drawn: str) -> Markup:
    return Markup(f'<svg class="mark" viewBox="0 0 22 14" aria-hidden="true">{drawn}</svg>')
