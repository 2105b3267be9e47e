"""The report's section on presets side by side."""

from markupsafe import Markup

from finegold.report.html import template
from finegold.report.selection.inputs import Section
from finegold.selection.compare import Interval, PresetComparison


def comparison_section(result: PresetComparison, name: str) -> Section:
    """Tables of the figures and of the rows in common; text is escaped.

    Args:
        result: The comparison.
        name: Short name that tells it from others, of letters and digits.
    """
    body = template("comparison.html").render(
        result=result,
        names=[name for name in result.names() if not name.startswith("is ")],
        figure=figure_text,
    )
    return Section(f"comparison-{name}", f"Presets compared at {result.size:,} rows", Markup(body))


def figure_text(name: str, value: Interval | float | None) -> str:
    """A mean with the half width of its interval; shares of rows in percent; empty if there is none."""
    if value is None:
        return ""
    found = value if isinstance(value, Interval) else Interval(value, value, value, 1)
    scale, unit = (100, "%") if name == "bad" or name.startswith("is ") else (1, "")
    mean = f"{found.mean * scale:.3g}{unit}"
    half = (found.high - found.low) / 2 * scale
    return mean if half == 0 else f"{mean} ±{half:.2g}"
