"""The report: one self-contained HTML file that says what was picked, and why."""

from finegold.report.selection.inputs import (
    Cluster,
    DatasetFacts,
    ExcludedRow,
    Indicator,
    NearMiss,
    PoolRows,
    Provenance,
    ReportInputs,
    RowContent,
    Section,
    SelectionFacts,
)
from finegold.report.selection.page import render_report, write_report

__all__ = [
    "Cluster",
    "DatasetFacts",
    "ExcludedRow",
    "Indicator",
    "NearMiss",
    "PoolRows",
    "Provenance",
    "ReportInputs",
    "RowContent",
    "Section",
    "SelectionFacts",
    "render_report",
    "write_report",
]
