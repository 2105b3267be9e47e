"""Evaluation: the paper's seven benchmarks and others' tasks, as LVLM-eHub ran them and read strictly."""

from finegold.evaluation.answering import EvaluationOptions
from finegold.evaluation.evaluate import answer_task, evaluate
from finegold.evaluation.results import score_folder
from finegold.evaluation.task import (
    CAPTION_PROMPTS,
    TASKS,
    Item,
    Prompt,
    Source,
    Split,
    Task,
    add_task,
    find_tasks,
    question_prompts,
)

__all__ = [
    "CAPTION_PROMPTS",
    "TASKS",
    "EvaluationOptions",
    "Item",
    "Prompt",
    "Source",
    "Split",
    "Task",
    "add_task",
    "answer_task",
    "evaluate",
    "find_tasks",
    "question_prompts",
    "score_folder",
]
