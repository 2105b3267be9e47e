"""Every arm judged against the baseline, first seeds, in both orders."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from finegold.errors import ConfigError
from finegold.evaluation.answers import read_all_answers
from finegold.evaluation.task import Item
from finegold.evaluation.tasks import find_tasks
from finegold.judging import (
    AnswerSet,
    Judgement,
    JudgeQuestion,
    JudgeSettings,
    judge_in_session,
    plan,
    read_answers,
    read_questions,
)
from finegold.llm import Plan, Session, model_from, session_from
from finegold.report.study.findings import Example
from finegold.study.examples import judged_examples
from finegold.study.folder import StudyFolder
from finegold.study.run import Prepared
from finegold.study.study import Judged, Study

WORDS = 1024
"""Characters that an answer is taken to have before there is one: 256 tokens of English."""


def judge_arms(
    folder: StudyFolder, study: Study, settings: Judged, prepared: Prepared
) -> tuple[list[Judgement], list[Example]]:
    """Judge each arm's first answers against the baseline's; a verdict that was paid for is not asked again.

    Returns:
        A judgement an arm, and examples with the judge's words.
    """
    (task,) = find_tasks([settings.task])
    where = {one.rows.arm.name: one.jobs[0].answers(folder, task.name) for one in prepared.runs if one.jobs}
    base = where.pop(study.baseline)
    questions = read_questions(_file(base, task.name, "questions"), _context(settings))
    second = _answers(base, task.name, questions, study.baseline)
    paths = {item.image.name: item.image.path for item in prepared.tasks.items[task.name]}
    judgements: list[Judgement] = []
    examples: list[Example] = []
    for arm, place in where.items():
        out = folder.results(study.name) / "judge" / place.name
        # The verdicts come from the cache when asked again, so each time the audit is written anew.
        (out / "audit.jsonl").unlink(missing_ok=True)
        session = _session(settings, out / "audit.jsonl")
        first = _answers(place, task.name, questions, arm)
        found = judge_in_session(first, second, questions, session, JudgeSettings(model_from(settings.model)))
        judgements.append(found)
        said = tuple({row.id: row for row in read_all_answers(at, task.name)} for at in (place, base))
        words = _words(out / "audit.jsonl")
        examples += judged_examples(found.as_json(), words, (said[0], said[1]), paths)
    return judgements, examples


def plan_judge(settings: Judged, items: Sequence[Item], arms: int) -> Plan:
    """An upper bound of what judging costs, before there are answers. Sends nothing."""
    questions = [JudgeQuestion(item.id, item.question, item.category, "") for item in items]
    session = _session(settings, None)
    total = Plan(0, 0, 0, 0, None)
    for arm in range(arms):
        sets = (_long(f"a{arm}", questions), _long(f"b{arm}", questions))
        one = plan(*sets, questions, session, JudgeSettings(model_from(settings.model)))
        usd = None if one.usd is None else (total.usd or 0.0) + one.usd
        total = Plan(
            total.calls + one.calls,
            0,
            total.prompt_tokens + one.prompt_tokens,
            total.completion_tokens + one.completion_tokens,
            usd,
        )
    return total


def _long(name: str, questions: list[JudgeQuestion]) -> AnswerSet:
    # Each answer differs, or equal calls would count as one.
    return AnswerSet(name, {q.id: f"{name} {q.id}".ljust(WORDS, "x") for q in questions})


def _session(settings: Judged, audit: Path | None) -> Session:
    return session_from(
        base_url=settings.base_url,
        max_usd=settings.max_usd,
        usd_per_m_prompt=settings.usd_per_m_prompt,
        usd_per_m_completion=settings.usd_per_m_completion,
        audit=audit,
    )


def _context(settings: Judged) -> Path | None:
    return Path(settings.context) if settings.context else None


def _file(where: Path, task: str, kind: str) -> Path:
    path = where / "judge" / f"{task}.{kind}.jsonl"
    if not path.is_file():
        raise ConfigError(
            f"the task {task} leaves no answers for a judge: name llava-bench-coco or llava-bench-wild"
        )
    return path


def _answers(where: Path, task: str, questions: list[JudgeQuestion], arm: str) -> AnswerSet:
    return replace(read_answers(_file(where, task, "answers"), questions), name=arm)


def _words(audit: Path) -> dict[str, str]:
    """The judge's last reply to each question with the first answer shown first."""
    found: dict[str, str] = {}
    for line in audit.read_text("utf-8").splitlines():
        record = json.loads(line)
        if record.get("order") == "ab" and "reply" in record:
            found[str(record["question_id"])] = record["reply"]
    return found
