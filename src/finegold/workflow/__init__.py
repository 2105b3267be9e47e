"""The workflow: a run folder with its dataset, and the verbs on it."""

from finegold.engines import Compute
from finegold.workflow.judge import judge
from finegold.workflow.replay import Replayed, replay
from finegold.workflow.run import Run, pick
from finegold.workflow.selection import Selection
from finegold.workflow.settings import SelectionFiles, SelectionSettings
from finegold.workflow.source import DataSource

__all__ = [
    "Compute",
    "DataSource",
    "Replayed",
    "Run",
    "Selection",
    "SelectionFiles",
    "SelectionSettings",
    "judge",
    "pick",
    "replay",
]
