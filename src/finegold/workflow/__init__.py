"""The steps in order: what the command line calls, and what a program may."""

from finegold.workflow.files import SelectionFiles
from finegold.workflow.pick import Picked, pick
from finegold.workflow.replay import Replayed, replay
from finegold.workflow.report import report_run
from finegold.workflow.rows import Compute
from finegold.workflow.source import DataSource
from finegold.workflow.steps import cluster_run_folder, plan_run, score_run, select_run

__all__ = [
    "Compute",
    "DataSource",
    "Picked",
    "Replayed",
    "SelectionFiles",
    "cluster_run_folder",
    "pick",
    "plan_run",
    "replay",
    "report_run",
    "score_run",
    "select_run",
]
