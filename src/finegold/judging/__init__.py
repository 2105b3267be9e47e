"""Judging: two sets of answers compared by a language model, every question in both orders."""

from finegold.judging.canary import canary_questions, canary_sets, judge_canaries
from finegold.judging.files import AnswerSet, JudgeQuestion, read_answer_set, read_judge_questions
from finegold.judging.judge import judge_answers, judge_in_session, plan_judging
from finegold.judging.prompt import JudgeSettings
from finegold.judging.replay import replay_verdicts
from finegold.judging.result import CanaryVerdicts, ComparedAnswers, Judgement, OrderVerdict
from finegold.judging.verdict import parse_verdict

__all__ = [
    "AnswerSet",
    "CanaryVerdicts",
    "ComparedAnswers",
    "JudgeQuestion",
    "JudgeSettings",
    "Judgement",
    "OrderVerdict",
    "canary_questions",
    "canary_sets",
    "judge_answers",
    "judge_canaries",
    "judge_in_session",
    "parse_verdict",
    "plan_judging",
    "read_answer_set",
    "read_judge_questions",
    "replay_verdicts",
]
