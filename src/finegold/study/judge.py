"""Every arm judged against the baseline, first seeds, in both orders."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from finegold.errors import ConfigError
from finegold.evaluation.answers import read_all_answers
from finegold.evaluation.task import Item, find_tasks
from finegold.judging import (
    AnswerSet,
    Judgement,
    JudgeQuestion,
    JudgeSettings,
    judge_in_session,
    plan_judging,
    read_answer_set,
    read_judge_questions,
)
from finegold.llm import (
    Limits,
    Plan,
    Session,
    default_cache,
    model_from,
    prices_from,
    session_from,
)
from finegold.llm.request import LONGEST_SIDE
from finegold.report.judged import judged_questions
from finegold.report.study.findings import Example
from finegold.run import read_sealed_lines
from finegold.samples import ImageRef
from finegold.study.evaluation import Judged
from finegold.study.examples import judged_examples
from finegold.study.folder import StudyFolder
from finegold.study.prepare import Prepared
from finegold.study.study import Study
from finegold.workflow.judge import write_judgement

WORDS = 1024
"""Assumed length of an answer in characters before there is one: 256 tokens of English."""


def judge_arms(
    folder: StudyFolder, study: Study, settings: Judged, prepared: Prepared
) -> tuple[list[Judgement], list[Example]]:
    """Judge each arm's first answers against the baseline's; no verdict is paid for twice.

    Returns:
        A judgement for each arm, and examples with the judge's words.
    """
    (task,) = find_tasks([settings.task])
    where = {arm: first for arm, (first, *_) in prepared.answers(folder, task.name).items()}
    base = where.pop(study.baseline)
    questions = read_judge_questions(
        _file(base, task.name, "questions"), Path(settings.context) if settings.context else None
    )
    shown = {item.id: item.image for item in prepared.tasks.items[task.name]}
    pictured = [replace(question, image=shown.get(question.id)) for question in questions]
    questions = pictured if settings.images else questions
    second = _answers(base, task.name, questions, study.baseline)
    paths = {item.image.name: item.image.path for item in prepared.tasks.items[task.name]}
    judgements: list[Judgement] = []
    examples: list[Example] = []
    # One session: the limit holds for all arms together.
    session, judge = _session(settings), _judge(settings)
    for arm, place in where.items():
        out = folder.results(study.results) / "judge" / place.name
        # Verdicts of an earlier run come from the cache, so the audit is written anew each time.
        (out / "audit.jsonl").unlink(missing_ok=True)
        first = _answers(place, task.name, questions, arm)
        found = judge_in_session(first, second, questions, replace(session, audit=out / "audit.jsonl"), judge)
        judgements.append(found)
        write_judgement(found, out, judged_questions(found, first, second, pictured))
        a, b = ({row.id: row for row in read_all_answers(at, task.name)} for at in (place, base))
        examples += judged_examples(found.as_json(), _words(out / "audit.jsonl"), (a, b), paths)
    return judgements, examples


def judging_cost(study: Study, items: Sequence[Item] | None) -> Plan:
    """Upper bounds of calls, tokens and dollars of judging, before there are answers. Sends nothing.

    Args:
        study: A study with a judge.
        items: Items of the judge's task; None where its files are missing, for as many as published, each
            with a question of 100 characters and an image of the largest size that is sent.

    Raises:
        ConfigError: If the study has no judge.
    """
    settings = study.judge
    if settings is None:
        raise ConfigError(f"the study {study.name} has no judge: name one with --judge")
    if items is None:
        (task,) = find_tasks([settings.task])
        count = task.split(study.evaluation.splits.get(task.name)).items
        image = _largest_image()
        items = [Item(str(number), image, (), "x" * 100) for number in range(count)]
    questions = [
        JudgeQuestion(item.id, item.question, item.category, "", item.image if settings.images else None)
        for item in items
    ]
    prices = prices_from(settings.usd_per_m_prompt, settings.usd_per_m_completion)
    plan, judge = Plan(default_cache(), Limits(max_usd=settings.max_usd, prices=prices)), _judge(settings)
    for arm in range(len(study.arms) - 1):
        plan_judging(_long(f"a{arm}", questions), _long(f"b{arm}", questions), questions, judge, plan)
    return plan


def _largest_image() -> ImageRef:
    """An image of the size of the largest one that a judge is sent."""
    file = io.BytesIO()
    Image.new("RGB", (LONGEST_SIDE, LONGEST_SIDE)).save(file, "JPEG")
    return ImageRef("largest", data=file.getvalue())


def _long(name: str, questions: list[JudgeQuestion]) -> AnswerSet:
    # Each answer differs, or equal calls would count as one.
    return AnswerSet(name, {q.id: f"{name} {q.id}".ljust(WORDS, "x") for q in questions})


def _judge(settings: Judged) -> JudgeSettings:
    return JudgeSettings(model_from(settings.model, option="--judge-model"), with_images=settings.images)


def _session(settings: Judged) -> Session:
    return session_from(
        base_url=settings.base_url,
        max_usd=settings.max_usd,
        usd_per_m_prompt=settings.usd_per_m_prompt,
        usd_per_m_completion=settings.usd_per_m_completion,
    )


def _file(where: Path, task: str, kind: str) -> Path:
    path = where / "judge" / f"{task}.{kind}.jsonl"
    if not path.is_file():
        raise ConfigError(
            f"the task {task} writes no answers for a judge: name llava-bench-coco or llava-bench-wild"
        )
    return path


def _answers(where: Path, task: str, questions: list[JudgeQuestion], arm: str) -> AnswerSet:
    return replace(read_answer_set(_file(where, task, "answers"), questions), name=arm)


def _words(audit: Path) -> dict[str, str]:
    """The judge's last reply to each question with the first answer shown first."""
    found: dict[str, str] = {}
    for _, record in read_sealed_lines(audit):
        if record is None:
            continue
        if record.get("order") == "ab" and "reply" in record:
            found[str(record["question_id"])] = record["reply"]
    return found
