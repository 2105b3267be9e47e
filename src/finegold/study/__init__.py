"""Studies: arms x seeds of choosing, tuning and evaluating, with intervals."""

from finegold.report.study.findings import Findings
from finegold.report.study.page import read_findings
from finegold.study.cost import Cost
from finegold.study.merging import merge_mixtures
from finegold.study.mix import MixtureFindings, fit_mixtures
from finegold.study.plan import CountedCost, plan_study
from finegold.study.run import run_study
from finegold.study.study import Study, load_study, study_names

__all__ = [
    "Cost",
    "CountedCost",
    "Findings",
    "MixtureFindings",
    "Study",
    "fit_mixtures",
    "load_study",
    "merge_mixtures",
    "plan_study",
    "read_findings",
    "run_study",
    "study_names",
]
