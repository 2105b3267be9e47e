"""The files that a study leaves: numbers, tables and the page."""

from pathlib import Path

from finegold.report.html import write_html
from finegold.report.study.findings import Findings
from finegold.report.study.page import render
from finegold.report.study.tables import csv_text, latex, markdown
from finegold.run import write_json, write_text


def write_findings(findings: Findings, folder: Path) -> dict[str, Path]:
    """Write `findings.json`, `table.md`, `table.csv`, `table.tex` and `study.html`, each whole or not at all.

    Args:
        findings: What was found.
        folder: Made if it is not there; files of an earlier write are replaced.

    Returns:
        Where each is, by its file name.

    Raises:
        DataError: If a judgement cannot be read.
    """
    # All is made before anything is written: a failure leaves the earlier files as they were.
    texts = {"table.md": markdown(findings), "table.csv": csv_text(findings), "table.tex": latex(findings)}
    page = render(findings)
    paths = {name: folder / name for name in ("findings.json", *texts, "study.html")}
    write_json(paths["findings.json"], findings.as_json())
    for name, text in texts.items():
        write_text(paths[name], text)
    write_html(page, paths["study.html"])
    return paths
