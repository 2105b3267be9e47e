"""The report of a selection as one HTML file."""

from pathlib import Path

from finegold.report.html import render_page, write_html
from finegold.report.selection.inputs import ReportInputs
from finegold.report.selection.view import FIRST, page


def render_report(inputs: ReportInputs) -> str:
    """The report as one HTML page, with all text of the data escaped.

    Raises:
        ConfigError: If the inputs contradict one another: an array of another length, a near miss that is no
            row, a thumbnail that is no image.
    """
    shown = page(inputs)
    data = shown.map.data if shown.map else None
    return render_page("report.html", script="report.js", data=data, page=shown, first=FIRST, inputs=inputs)


def write_report(inputs: ReportInputs, path: Path) -> None:
    """Render to a file; a reader sees the old report or the new one, never half of one.

    Raises:
        ConfigError: If the inputs contradict one another.
    """
    write_html(render_report(inputs), path)
