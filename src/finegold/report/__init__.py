"""The report: one self-contained HTML file that says what was picked, and why."""

from finegold.report.html import render, write
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
    "render",
    "write",
]
