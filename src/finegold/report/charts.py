"""Charts as SVG text: no script, and colours from the page's style sheet, so that they follow dark mode."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from finegold.arrays import Floats, Ints

_WIDTH, _HEIGHT = 400, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 16, 44


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
        medians: Of pool and selection; None without a selection.
        axis: What the horizontal axis counts.
        title: Text alternative.
    """
    pool, selection = _shares(counts.pool), _shares(counts.selection)
    y_step = _round_step(max(float(pool.max()), float(selection.max())) / 3.2)
    y_top = math.ceil(max(float(pool.max()), float(selection.max())) / y_step - 1e-9) * y_step
    edges = counts.edges

    def x(value: float) -> float:
        inside = min(max(value, float(edges[0])), float(edges[-1]))
        return _LEFT + float((inside - edges[0]) / (edges[-1] - edges[0])) * (_WIDTH - _LEFT - _RIGHT)

    def y(share: float) -> float:
        return _HEIGHT - _BOTTOM - share / y_top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [open_svg(_WIDTH, _HEIGHT, title)]
    for tick in range(round(y_top / y_step) + 1):
        level = y(tick * y_step)
        parts.append(f'<path class="grid" d="M{_LEFT} {level:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(text_svg(_LEFT - 6, level + 4, f"{tick * y_step * 100:g}%", "end"))
    parts.append(f'<path class="pool-area" d="{_steps(pool, edges, x, y)}Z"/>')
    if counts.selection.any():
        parts.append(f'<path class="pick-area" d="{_steps(selection, edges, x, y)}"/>')
    for median, name in zip(medians, ("pool", "pick"), strict=True):
        if median is not None:
            at = x(median)
            parts.append(f'<path class="{name}-median" d="M{at:.1f} {_TOP - 6}V{_HEIGHT - _BOTTOM}"/>')
    for value in ticks(float(edges[0]), float(edges[-1])):
        parts.append(text_svg(x(value), _HEIGHT - _BOTTOM + 18, number(value), "middle"))
    parts.append(text_svg((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 4, axis, "middle", "axis"))
    for index, (all_rows, chosen) in enumerate(zip(counts.pool, counts.selection, strict=True)):
        left, right = x(edges[index]), x(edges[index + 1])
        span = f"{number(edges[index])} to {number(edges[index + 1])}"
        words = f"{span}: {all_rows:,} in the pool, {chosen:,} picked"
        parts.append(
            f'<rect class="hover" x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" '
            f'height="{_HEIGHT - _TOP - _BOTTOM}"><title>{words}</title></rect>'
        )
    return Markup("".join(parts) + "</svg>")


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


def number(value: float) -> str:
    """About three significant digits: `12,300`, `31.4`, `0.0123`, with a proper minus sign."""
    if value == 0:
        return "0"
    if abs(value) >= 1e7 or abs(value) < 1e-4:
        return f"{value:.3g}".replace("-", "−")
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def ticks(low: float, high: float, count: int = 5) -> Sequence[float]:
    """Round values in [low, high], about `count` of them."""
    step = _round_step((high - low) / count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def open_svg(width: int, height: int, title: str) -> str:
    """The start of a drawing that is as wide as its place; `title` is its text alternative."""
    return f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'


def text_svg(x: float, y: float, text: str, anchor: str, css: str = "tick") -> str:
    """Words at a place; `anchor` is `start`, `middle` or `end`."""
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _counts(values: Floats, edges: Floats) -> Ints:
    inside = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return np.bincount(inside, minlength=len(edges) - 1).astype(np.int64)


def _shares(counts: Ints) -> Floats:
    return counts / max(int(counts.sum()), 1)


def _round_step(about: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(about))
    return power * next(step for step in (1, 2, 2.5, 5, 10) if step * power >= about * (1 - 1e-9))


def _steps(shares: Floats, edges: Floats, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    """A staircase from the base line up, along the bins and down again."""
    parts = [f"M{x(edges[0]):.1f} {y(0):.1f}"]
    parts += [f"V{y(share):.1f}H{x(edges[index + 1]):.1f}" for index, share in enumerate(shares)]
    return "".join(parts) + f"V{y(0):.1f}"
