"""Studies: arms x seeds of choosing, tuning and evaluating, with intervals."""

from finegold.report.study.findings import Findings
from finegold.study.cost import Cost
from finegold.study.study import Study, load_study, study_names
from finegold.study.whole import plan, run_study

__all__ = ["Cost", "Findings", "Study", "load_study", "plan", "run_study", "study_names"]
