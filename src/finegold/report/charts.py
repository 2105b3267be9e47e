"""Charts as SVG text: no script, and colours from the page's style sheet, so that they follow dark mode.

The selection report draws histograms and share bars, the judge's page stacked bars, the study's page interval
rows and lines with bands.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from finegold.arrays import Floats, Ints
from finegold.report.text import cut, number, printable
from finegold.statistics import Estimate

Range = tuple[float, float]
_WIDTH = 400
_AXIS, _LINE = 44, 17
"""Characters of a line below a histogram, and its height; a longer label takes several lines."""
_LOG_FROM = 5
"""Sizes whose largest is over this many times the smallest are drawn on a logarithmic axis."""


class _Plot:
    """A drawing 400 wide: `margins` are left, right, top and bottom of the area that shows `x` and `y`."""

    def __init__(
        self, height: int, title: str, margins: tuple[int, int, int, int], x: Range, y: Range = (0.0, 1.0)
    ) -> None:
        self.left, right, self.top, bottom = margins
        self.right, self.floor, self.height = _WIDTH - right, height - bottom, height
        self._x, self._y = x, y
        self._parts = [_open_svg(_WIDTH, height, title)]

    def x(self, value: float) -> float:
        low, high = self._x
        return self.left + (value - low) / ((high - low) or 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        low, high = self._y
        return self.floor - (value - low) / (high - low) * (self.floor - self.top)

    def add(self, *parts: str) -> None:
        self._parts += parts

    def grid_line(self, value: float, label: str) -> None:
        level = self.y(value)
        self.add(f'<path class="grid" d="M{self.left} {level:.1f}H{self.right}"/>')
        self.add(_text(self.left - 6, level + 4, label, "end"))

    def below(self, x: float, label: str) -> None:
        self.add(_text(x, self.floor + 18, label, "middle"))

    def axis(self, words: str, lift: int = 6) -> None:
        self.add(_text((self.left + self.right) / 2, self.height - lift, words, "middle", "axis"))

    def hover(self, x: float, y: float, width: float, height: float, words: str) -> None:
        place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        self.add(f'<rect class="hover" {place}><title>{escape(words)}</title></rect>')

    def svg(self) -> Markup:
        return Markup("".join(self._parts) + "</svg>")


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of pool and selection over the same bins.

    Attributes:
        edges: Shape (b + 1,), increasing.
        pool: Shape (b,).
        selection: Shape (b,), a subset of `pool`.
        below: Rows of the pool under the first edge, counted in the first bin.
        above: Rows of the pool over the last edge, counted in the last bin.
    """

    edges: Floats
    pool: Ints
    selection: Ints
    below: int
    above: int


def histogram(pool: Floats, selection: Floats, *, bins: int = 28) -> Histogram:
    """Count both on about `bins` bins with round edges.

    Long tails go into the outer bins where they would squeeze the middle 99% into less than half of the axis.

    Args:
        pool: Shape (n,), finite, not empty.
        selection: Shape (m,), finite; its values are among the pool's.
        bins: About how many.
    """
    low, high = float(pool.min()), float(pool.max())
    middle_low, middle_high = (float(end) for end in np.quantile(pool, [0.005, 0.995]))
    if 0 < 2 * (middle_high - middle_low) < high - low:
        low, high = middle_low, middle_high
    step = _round_step((high - low) / bins) if high > low else max(abs(low) * 0.01, 0.5)
    whole = bool((pool == np.round(pool)).all())
    if whole and (high - low) / bins < 1:
        step = 1.0
    first = math.floor(low / step)
    count = max(math.floor(high / step) + 1 - first, 1)
    edges = (first + np.arange(count + 1, dtype=np.float64)) * step
    return Histogram(
        edges=edges,
        pool=_counts(pool, edges),
        selection=_counts(selection, edges),
        below=int((pool < edges[0]).sum()),
        above=int((pool > edges[-1]).sum()),
    )


def histogram_svg(counts: Histogram, medians: tuple[float, float | None], *, axis: str, title: str) -> Markup:
    """Draw the share of the pool, filled, and of the selection, outlined, per bin.

    Args:
        counts: From `histogram`.
        medians: Medians of pool and selection; None without a selection.
        axis: What the horizontal axis counts.
        title: Text alternative.
    """
    lines = textwrap.wrap(axis, _AXIS, break_on_hyphens=False) or [""]
    more = _LINE * (len(lines) - 1)
    both = {"pool": counts.pool, "pick": counts.selection}
    shares = {name: rows / max(int(rows.sum()), 1) for name, rows in both.items()}
    edges, highest = counts.edges, max(float(each.max()) for each in shares.values())
    step = _round_step(highest / 3.2)
    top = math.ceil(highest / step - 1e-9) * step
    plot = _Plot(230 + more, title, (44, 14, 16, 44 + more), (float(edges[0]), float(edges[-1])), (0.0, top))
    for tick in range(round(top / step) + 1):
        plot.grid_line(tick * step, f"{tick * step * 100:g}%")
    plot.add(f'<path class="pool-area" d="{_steps(shares["pool"], edges, plot)}Z"/>')
    if counts.selection.any():
        plot.add(f'<path class="pick-area" d="{_steps(shares["pick"], edges, plot)}"/>')
    for median, name in zip(medians, shares, strict=True):
        if median is not None:
            at = plot.x(min(max(median, float(edges[0])), float(edges[-1])))
            plot.add(f'<path class="{name}-median" d="M{at:.1f} {plot.top - 6}V{plot.floor}"/>')
    for value in ticks(float(edges[0]), float(edges[-1])):
        plot.below(plot.x(value), number(value))
    for index, line in enumerate(lines):
        plot.axis(line, 4 + more - _LINE * index)
    for index, (all_rows, chosen) in enumerate(zip(counts.pool, counts.selection, strict=True)):
        low, high = float(edges[index]), float(edges[index + 1])
        words = f"{number(low)} to {number(high)}: {all_rows:,} in the pool, {chosen:,} picked"
        plot.hover(plot.x(low), plot.top, plot.x(high) - plot.x(low), plot.floor - plot.top, words)
    return plot.svg()


def share_bars(pool: float, selection: float, top: float, title: str) -> Markup:
    """Two thin bars: a cluster's share of the pool above its share of the selection, full width at `top`."""
    scale = 100 / top if top > 0 else 0.0
    return Markup(
        f'<svg class="bars" viewBox="0 0 100 14" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
        f'<rect class="pool-bar" width="{pool * scale:.2f}" height="6"/>'
        f'<rect class="pick-bar" y="8" width="{selection * scale:.2f}" height="6"/></svg>'
    )


def stacked_bars(rows: Mapping[str, Mapping[str, int]], title: str) -> Markup:
    """A bar for each row, as long as the others, in parts as long as their shares of the row.

    Args:
        rows: Counts by part, by name of the row; each row has all parts. A part's name is its class in the
            style sheet.
        title: Text alternative.
    """
    left, right = 160.0, 716.0
    parts = [_open_svg(720, 34 * len(rows) + 30, title)]
    for index, (name, counts) in enumerate(rows.items()):
        scale, start = (right - left) / max(sum(counts.values()), 1), left
        parts.append(
            f'<g transform="translate(0 {index * 34 + 24})"><text x="0" y="17">{escape(name)}</text>'
        )
        for kind, count in counts.items():
            x, width = round(start, 1), round(count * scale, 1)
            start += count * scale
            if width > 0:
                parts.append(
                    f'<rect class="{kind}" x="{x}" y="0" width="{width}" height="24">'
                    f"<title>{escape(name)}: {count} {kind}</title></rect>"
                )
            if width > 18:
                css = "" if kind == "invalid" else "count"
                parts.append(
                    f'<text class="{css}" x="{x + width / 2}" y="17" text-anchor="middle">{count}</text>'
                )
        parts.append("</g>")
    for index, kind in enumerate(next(iter(rows.values()))):
        key = f'<rect class="{kind}" width="12" height="12" y="2"/><text x="18" y="13">{kind}</text>'
        parts.append(f'<g transform="translate({160 + index * 90} 0)">{key}</g>')
    return Markup("".join(parts) + "</svg>")


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend."""

    mark: Markup
    text: str


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One line of `interval_rows`; `kind` is its class in the style sheet: `better`, `worse` or `unclear`."""

    label: str
    estimate: Estimate
    kind: str
    words: str


def interval_rows(
    rows: Sequence[IntervalRow], x: Range, *, axis: str, title: str, heading: str = ""
) -> Markup:
    """Draw intervals under one another, beside a line at zero.

    Args:
        rows: What to draw.
        x: Values at the left and right end, with zero between them.
        axis: What the horizontal axis shows.
        title: Text alternative.
        heading: Stands above labels that are beside their intervals; without it labels, with their words,
            stand above their intervals.
    """
    step, top = (24, 18) if heading else (44, 4)
    height = top + step * len(rows) + 46
    plot = _Plot(height, title, (92 if heading else 10, 14, top, 46), x)
    for tick in ticks(*x, 6):
        at = plot.x(tick)
        plot.add(f'<path class="grid" d="M{at:.1f} {top}V{plot.floor}"/>')
        plot.below(at, f"+{number(tick)}" if tick > 0 else number(tick))
    plot.add(f'<path class="zero" d="M{plot.x(0):.1f} {top}V{plot.floor}"/>')
    plot.axis(axis)
    if heading:
        plot.add(_text(4, 12, heading, "start"))
    for index, row in enumerate(rows):
        start = top + step * index
        middle = start + (step / 2 if heading else 31)
        if heading:
            plot.add(_text(4, middle + 5, row.label, "start"))
        else:
            plot.add(_text(plot.left, start + 17, cut(row.label, 50 - len(row.words)), "start", "axis"))
            plot.add(_text(plot.right, start + 17, row.words, "end"))
        if row.estimate.ends is not None:
            low, high = (plot.x(end) for end in row.estimate.ends)
            plot.add(f'<path class="whisker {row.kind}" d="M{low:.1f} {middle:.1f}H{high:.1f}"/>')
        at = plot.x(row.estimate.value)
        plot.add(f'<circle class="mean {row.kind}" cx="{at:.1f}" cy="{middle:.1f}" r="5"/>')
        plot.hover(0, start, _WIDTH, step, printable(f"{row.label}: {row.words}"))
    return plot.svg()


def interval_key(kind: str, text: str) -> Key:
    """The legend of one kind of `IntervalRow`."""
    drawn = f'<path class="whisker {kind}" d="M0 7H22"/><circle class="mean {kind}" cx="11" cy="7" r="4.5"/>'
    return Key(_mark(drawn), text)


@dataclass(frozen=True, slots=True)
class Point:
    """A number of `band_lines` at a size, and its words."""

    size: int
    estimate: Estimate
    words: str


@dataclass(frozen=True, slots=True)
class Series:
    """A line of `band_lines` with its band.

    Attributes:
        name: Text of the legend.
        css: Class in the style sheet: `series-0` to `series-7`, `series-base`, `series-whole`.
        shape: Form of its marks, 0 to 3; larger numbers repeat them.
        points: Numbers in increasing size; a single one is drawn as a mark alone.
        end: Where the line ends without a mark; None for its last point.
    """

    name: str
    css: str
    shape: int
    points: Sequence[Point]
    end: Point | None = None


def band_lines(
    series: Sequence[Series], levels: Mapping[str, float], y: Range, scale: float, *, axis: str, title: str
) -> tuple[Markup, list[Key]]:
    """Draw lines with bands over sizes, on a logarithmic axis if the sizes differ much, and their legend.

    Args:
        series: The lines.
        levels: Dashed horizontal lines by their legend.
        y: Values at the lower and upper end.
        scale: Factor of the numbers beside the vertical axis.
        axis: What the horizontal axis shows.
        title: Text alternative.
    """
    sizes = sorted({point.size for line in series for point in line.points})
    log = sizes[-1] > _LOG_FROM * sizes[0]

    def x(size: int) -> float:
        return plot.x(math.log(size) if log else float(size))

    outer = (math.log(sizes[0]), math.log(sizes[-1])) if log else (float(sizes[0]), float(sizes[-1]))
    plot = _Plot(270, title, (48, 16, 14, 46), outer, y)
    for tick in ticks(y[0] * scale, y[1] * scale):
        plot.grid_line(tick / scale, number(tick))
    taken = -math.inf
    for size in sizes:
        words = f"{size:,}"
        if x(size) - taken > 9 * len(words) + 8:
            plot.below(min(x(size), _WIDTH - 4.5 * len(words)), words)
            taken = x(size)
    plot.axis(axis + (" (logarithmic axis)" if log else ""))
    keys, over = [], []
    for line in series:
        path = [*line.points, *([line.end] if line.end else [])]
        if len(path) > 1:
            low, middle, high = (
                [f"{x(point.size):.1f},{plot.y(end):.1f}" for point, end in zip(path, ends, strict=True)]
                for ends in zip(*(_low_value_high(point.estimate) for point in path), strict=True)
            )
            plot.add(f'<polygon class="band {line.css}" points="{" ".join([*high, *reversed(low)])}"/>')
            over.append(f'<polyline class="line {line.css}" points="{" ".join(middle)}"/>')
        for point in line.points:
            drawn = _shape(line.shape, x(point.size), plot.y(point.estimate.value))
            over.append(f'<g class="dot-mark {line.css}">{drawn}<title>{escape(point.words)}</title></g>')
        dot = f'<g class="dot-mark {line.css}">{_shape(line.shape, 11, 7)}</g>'
        keys.append(Key(_mark(f'<path class="line {line.css}" d="M0 7H22"/>{dot}'), line.name))
    for index, (name, value) in enumerate(levels.items()):
        css = f"level level-{index % 3}"
        over.append(f'<path class="{css}" d="M{plot.left} {plot.y(value):.1f}H{plot.right}"/>')
        keys.append(Key(_mark(f'<path class="{css}" d="M0 7H22"/>'), name))
    plot.add(*over)
    return plot.svg(), keys


def ticks(low: float, high: float, count: int = 5) -> Sequence[float]:
    """Round values in [low, high], about `count` of them."""
    step = _round_step((high - low) / count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _open_svg(width: int, height: int, title: str) -> str:
    """The start of a drawing that is as wide as its place; `title` is its text alternative."""
    return f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'


def _text(x: float, y: float, text: str, anchor: str, css: str = "tick") -> str:
    """Words at a place; `anchor` is `start`, `middle` or `end`."""
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _counts(values: Floats, edges: Floats) -> Ints:
    inside = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return np.bincount(inside, minlength=len(edges) - 1).astype(np.int64)


def _round_step(about: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(about))
    return power * next(step for step in (1, 2, 2.5, 5, 10) if step * power >= about * (1 - 1e-9))


def _steps(shares: Floats, edges: Floats, plot: _Plot) -> str:
    """A staircase from the base line up, along the bins and down again."""
    parts = [f"M{plot.x(edges[0]):.1f} {plot.y(0):.1f}"]
    parts += [f"V{plot.y(share):.1f}H{plot.x(edges[index + 1]):.1f}" for index, share in enumerate(shares)]
    return "".join(parts) + f"V{plot.y(0):.1f}"


def _low_value_high(estimate: Estimate) -> tuple[float, float, float]:
    low, high = estimate.ends or (estimate.value, estimate.value)
    return low, estimate.value, high


def _shape(index: int, x: float, y: float) -> str:
    """Series differ in form as well as in colour."""
    forms = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>',
        f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>',
        f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z"/>',
        f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>',
    )
    return forms[index % len(forms)]


def _mark(drawn: str) -> Markup:
    return Markup(f'<svg class="mark" viewBox="0 0 22 14" aria-hidden="true">{drawn}</svg>')
