"""Evaluation: the paper's seven benchmarks, as LVLM-eHub ran them and read strictly."""

from finegold.evaluation.compare import compare_folders
from finegold.evaluation.evaluate import EvaluationOptions, answer_task
from finegold.evaluation.results import score_folder
from finegold.evaluation.tasks import TASKS, find_tasks
from finegold.metrics import Bootstrap

__all__ = [
    "TASKS",
    "Bootstrap",
    "EvaluationOptions",
    "answer_task",
    "compare_folders",
    "find_tasks",
    "score_folder",
]
