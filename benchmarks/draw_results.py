"""Draw the pictures of docs/results.md from what studies of mixtures found.

    python benchmarks/draw_results.py studies/mixture-noise studies/mixture --out results.svg
    python benchmarks/draw_results.py studies/mixture-noise studies/mixture --curve --out curve.svg

A row for each way to choose: its relative performance minus that of random rows of the same size, with
intervals; a mark for each size, filled where the difference is seen; and a panel for each study. With
`--curve` the relative performance itself against the number of rows, with the interval of random rows.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

from finegold.report.study.findings import ArmResult, Figure, Findings
from finegold.report.study.page import read_findings

SHADES = ("#7fadd6", "#2f74b5", "#123a63")
"""Colours of the sizes, the smallest first."""
COLOURS = (
    *("#1f6fb4", "#d1495b", "#2e8b57", "#8e5bb0", "#c77d1e", "#3aa0a8"),
    *("#a0522d", "#6b7a00", "#c2439a", "#5c6f80", "#0f4c5c", "#1b1b8f"),
    *("#9a8c00", "#e07b91"),
)
"""Colours of the lines."""
ROW, LABEL, PANEL, GAP, TOP, BOTTOM = 34, 170, 400, 20, 54, 46
Arms = dict[str, list[tuple[ArmResult, Figure]]]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", type=Path, nargs="+", help="folders of studies, each with findings.json")
    parser.add_argument("--curve", action="store_true", help="draw size against relative performance")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = [read_findings(folder) for folder in options.studies]
    options.out.write_text(draw_curves(found) if options.curve else draw(found), encoding="utf-8")


def arms_by_name(findings: Findings, *, baseline: bool = False) -> Arms:
    """Arms with their relative performance, by the name that several sizes share; the baseline if asked."""
    (table,) = (one for one in findings.tables if one.scoring == "strict")
    if table.performance is None:
        raise SystemExit(
            f"the study {findings.name} has no relative performance: it lacks an arm of all rows"
        )
    figures = {figure.arm: figure for figure in table.performance.figures}
    found: Arms = {}
    for arm in findings.arms:
        if arm.name in figures and (baseline or figures[arm.name].difference is not None):
            found.setdefault(arm.series or arm.name, []).append((arm, figures[arm.name]))
    return {name: sorted(several, key=lambda pair: pair[0].rows) for name, several in found.items()}


def draw(studies: Sequence[Findings]) -> str:
    """The drawing as SVG."""
    several = [arms_by_name(one) for one in studies]
    names = list(dict.fromkeys(name for found in several for name in found))
    every = [pair for found in several for pairs in found.values() for pair in pairs]
    sizes = list(dict.fromkeys(_size(arm) for arm, _ in sorted(every, key=lambda pair: pair[0].rows)))
    sizes = [size for size in sizes if size]
    ends = [end * 100 for _, one in every for end in (one.difference.ends if one.difference else None) or ()]
    low, high = min(*ends, -1.0), max(*ends, 1.0)
    width, height = LABEL + (PANEL + GAP) * len(studies), TOP + ROW * len(names) + BOTTOM
    parts = [f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for row, name in enumerate(names):
        if row % 2 == 0:
            parts.append(f'<rect y="{TOP + ROW * row}" width="{width}" height="{ROW}" fill="#f4f4f2"/>')
        parts.append(_text(LABEL - 10, TOP + ROW * (row + 0.5) + 4, name, "end"))
    for panel, (findings, found) in enumerate(zip(studies, several, strict=True)):
        left = LABEL + (PANEL + GAP) * panel

        def x(value: float, left: float = left) -> float:
            return left + (value - low) / (high - low) * PANEL

        parts.append(_text(left + PANEL / 2, 20, findings.about.rpartition("? ")[2], "middle", 14))
        about = f"relative performance minus that of {findings.baseline} rows, points"
        parts.append(_text(left + PANEL / 2, 38, about, "middle", 11))
        parts += _axis(x, low, high, height)
        for row, name in enumerate(names):
            for arm, figure in found.get(name, []):
                place = sizes.index(_size(arm)) if _size(arm) else (len(sizes) - 1) / 2
                y = TOP + ROW * (row + 0.5) + (place - (len(sizes) - 1) / 2) * 9
                parts += _mark(x, y, figure, SHADES[int(place) % 3] if _size(arm) else "#6b6b6b")
    for place, size in enumerate(sizes):
        at = LABEL + 130 * place
        parts.append(f'<circle cx="{at}" cy="{height - 12}" r="4" fill="{SHADES[place % 3]}"/>')
        parts.append(_text(at + 9, height - 8, f"{size} of the rows", size=11))
    return _svg(width, height, parts)


def draw_curves(studies: Sequence[Findings]) -> str:
    """Relative performance against the number of rows, a panel for each study, as SVG."""
    several = [arms_by_name(one, baseline=True) for one in studies]
    lines = [{name: pairs for name, pairs in found.items() if len(pairs) > 1} for found in several]
    every = [pair for found in lines for pairs in found.values() for pair in pairs]
    ends: list[float] = [100 * end for _, one in every for end in (one.value.value, *(one.value.ends or ()))]
    low: float = min(*ends, 99.0)
    high: float = max(*ends, 101.0)
    names = list(dict.fromkeys(name for found in lines for name in found))
    sizes = sorted({arm.rows for arm, _ in every})
    tall, label = 360, 170
    width, height = 60 + (PANEL + label) * len(studies), TOP + tall + BOTTOM
    parts = [f'<rect width="{width}" height="{height}" fill="#fff"/>']

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * tall

    for panel, (findings, found) in enumerate(zip(studies, lines, strict=True)):
        left = 50 + (PANEL + label) * panel

        def x(rows: int, left: float = left) -> float:
            share = math.log(rows / sizes[0]) / math.log(sizes[-1] / sizes[0])
            return left + 10 + share * (PANEL - 20)

        parts.append(_text(left + PANEL / 2, 20, findings.about.rpartition("? ")[2], "middle", 14))
        parts.append(_text(left + PANEL / 2, 38, "relative performance, %; all rows have 100", "middle", 11))
        step = next(step for step in (1, 2, 5, 10, 20) if (high - low) / step <= 9)
        for value in range(math.ceil(low / step) * step, math.floor(high) + 1, step):
            line = 'stroke="#333" stroke-width="1.2"' if value == 100 else 'stroke="#ddd" stroke-width="0.7"'
            parts.append(
                f'<line x1="{left}" x2="{left + PANEL}" y1="{y(value):.1f}" y2="{y(value):.1f}" {line}/>'
            )
            parts.append(_text(left - 6, y(value) + 4, str(value), "end", 11))
        for rows in sorted({arm.rows for pairs in found.values() for arm, _ in pairs}):
            parts.append(_text(x(rows), TOP + tall + 18, f"{rows:,}", "middle", 11))
        parts.append(_text(left + PANEL / 2, TOP + tall + 36, "rows (logarithmic axis)", "middle", 11))
        taken = float(TOP)
        for name, pairs in sorted(found.items(), key=lambda item: -item[1][-1][1].value.value):
            base = name == findings.baseline
            colour = "#222" if base else COLOURS[names.index(name) % len(COLOURS)]
            places = [(x(arm.rows), y(100 * one.value.value)) for arm, one in pairs]
            bounds = [[y(100 * end) for end in one.value.ends or ()] for _, one in pairs]
            if base and all(bounds):
                around = [(at, two[1]) for (at, _), two in zip(places, bounds, strict=True)]
                around += [(at, two[0]) for (at, _), two in reversed([*zip(places, bounds, strict=True)])]
                parts.append(f'<polygon points="{_points(around)}" fill="#222" fill-opacity="0.1"/>')
            wide = 3 if base else 1.6
            line = f'fill="none" stroke="{colour}" stroke-width="{wide}"'
            parts.append(f'<polyline points="{_points(places)}" {line}/>')
            for (at, height_of), (_, figure) in zip(places, pairs, strict=True):
                fill = colour if base or figure.seen else "#fff"
                mark = f'cx="{at:.1f}" cy="{height_of:.1f}" r="3.4" fill="{fill}" stroke="{colour}"'
                parts.append(f"<circle {mark}><title>{escape(figure.arm)}</title></circle>")
            at, level = places[-1]
            taken = max(level + 4, taken + 14)
            parts.append(
                f'<path d="M{at + 4:.1f} {level:.1f}L{left + PANEL + 4} {taken - 4:.1f}" stroke="#bbb"/>'
            )
            parts.append(f'<g fill="{colour}">{_text(left + PANEL + 8, taken, name, size=11)}</g>')
    return _svg(width, height, parts)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    box = f'viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" fill="#222">'
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def _size(arm: ArmResult) -> str:
    """The size in the name of an arm; empty for an arm of one size."""
    return arm.name.removeprefix(arm.series).strip() if arm.series else ""


def _axis(x: Callable[[float], float], low: float, high: float, height: float) -> Iterator[str]:
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (high - low) / step <= 9)
    for value in range(-100, 101, step):
        if low <= value <= high:
            line = 'stroke="#333" stroke-width="1.2"' if value == 0 else 'stroke="#d5d5d0" stroke-width="0.7"'
            at = f"{x(value):.1f}"
            yield f'<line x1="{at}" x2="{at}" y1="{TOP - 6}" y2="{height - BOTTOM + 4}" {line}/>'
            yield _text(x(value), height - BOTTOM + 18, f"{value:+d}" if value else "0", "middle", 11)


def _mark(x: Callable[[float], float], y: float, figure: Figure, colour: str) -> Iterator[str]:
    assert figure.difference is not None
    if figure.difference.ends is not None:
        first, last = (f"{x(end * 100):.1f}" for end in figure.difference.ends)
        wide = 2.4 if figure.seen else 1.2
        line = f'y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-width="{wide}"'
        yield f'<line x1="{first}" x2="{last}" {line}/>'
    at = f'cx="{x(figure.difference.value * 100):.1f}" cy="{y:.1f}" r="3.4"'
    look = f'fill="{colour if figure.seen else "#fff"}" stroke="{colour}" stroke-width="1.4"'
    yield f"<circle {at} {look}><title>{escape(f'{figure.arm}: {figure.verdict}')}</title></circle>"


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


if __name__ == "__main__":
    main()
