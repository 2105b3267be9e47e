"""Judging: two sets of answers compared by a language model, every question in both orders."""

from finegold.judging.files import AnswerSet, Question, read_answers, read_questions
from finegold.judging.judge import JudgeSettings, judge, judge_in_session, plan
from finegold.judging.replay import replay
from finegold.judging.result import Bias, Comparison, Judgement, OrderVerdict, Tally
from finegold.judging.section import section
from finegold.judging.table import table
from finegold.judging.verdict import Verdict, parse_verdict

__all__ = [
    "AnswerSet",
    "Bias",
    "Comparison",
    "JudgeSettings",
    "Judgement",
    "OrderVerdict",
    "Question",
    "Tally",
    "Verdict",
    "judge",
    "judge_in_session",
    "parse_verdict",
    "plan",
    "read_answers",
    "read_questions",
    "replay",
    "section",
    "table",
]
