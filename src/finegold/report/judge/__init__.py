"""The page that shows how answers were judged."""

from finegold.report.judge.section import section
from finegold.report.judge.table import table

__all__ = ["section", "table"]
