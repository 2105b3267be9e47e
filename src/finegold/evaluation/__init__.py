"""Evaluation: the paper's seven benchmarks, as LVLM-eHub ran them and read strictly."""

from finegold.evaluation.compare import compare_folders
from finegold.evaluation.evaluate import Options, answer_task
from finegold.evaluation.metrics import Bootstrap
from finegold.evaluation.results import score_folder
from finegold.evaluation.tasks import TASKS, find_tasks

__all__ = [
    "TASKS",
    "Bootstrap",
    "Options",
    "answer_task",
    "compare_folders",
    "find_tasks",
    "score_folder",
]
