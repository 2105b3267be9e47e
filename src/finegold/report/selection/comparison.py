"""The report's section on presets side by side."""

from finegold.report.html import render_part
from finegold.report.selection.inputs import Section
from finegold.selection.compare import PresetComparison
from finegold.statistics import Estimate


def comparison_section(result: PresetComparison, name: str) -> Section:
    """Tables of the figures and of the rows in common; text is escaped.

    Args:
        result: The comparison.
        name: Short name that tells it from others, of letters and digits.
    """
    body = render_part(
        "comparison.html",
        result=result,
        names=[name for name in result.names() if not name.startswith("is ")],
        figure=figure_text,
    )
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
