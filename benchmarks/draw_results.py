"""Draw the picture of docs/results.md from what studies of mixtures found.

    python benchmarks/draw_results.py studies/mixture-noise studies/mixture --out results.svg

A row for each way to choose: its relative performance minus that of random rows of the same size, with
intervals; a mark for each size, filled where the difference is seen; and a panel for each study.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

from finegold.report.study.findings import ArmResult, Figure, Findings
from finegold.report.study.page import read_findings

SHADES = ("#7fadd6", "#2f74b5", "#123a63")
"""Colours of the sizes, the smallest first."""
ROW, LABEL, PANEL, GAP, TOP, BOTTOM = 34, 170, 400, 20, 54, 46
Arms = dict[str, list[tuple[ArmResult, Figure]]]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", type=Path, nargs="+", help="folders of studies, each with findings.json")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.write_text(draw([read_findings(folder) for folder in options.studies]), encoding="utf-8")


def arms_by_name(findings: Findings) -> Arms:
    """Arms with their relative performance, by the name that several sizes share; without the baseline."""
    (table,) = (one for one in findings.tables if one.scoring == "strict")
    if table.performance is None:
        raise SystemExit(
            f"the study {findings.name} has no relative performance: it lacks an arm of all rows"
        )
    figures = {figure.arm: figure for figure in table.performance.figures}
    found: Arms = {}
    for arm in findings.arms:
        if arm.name in figures and figures[arm.name].difference is not None:
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
