"""Pairwise judging: every question in both orders, unreadable verdicts requested again, then counted."""

from collections.abc import Sequence
from dataclasses import replace

from finegold.judging.files import AnswerSet, JudgeQuestion
from finegold.judging.prompt import TEMPLATE, TEMPLATE_IMAGE, JudgeSettings, Order, judge_requests
from finegold.judging.result import ComparedAnswers, Judgement, OrderVerdict
from finegold.judging.verdict import parse_verdict
from finegold.llm import CallFailed, ChatClient, Halted, LoopThread, Plan, Session, map_bounded

ORDERS: tuple[Order, Order] = ("ab", "ba")


async def judge(
    a: AnswerSet,
    b: AnswerSet,
    questions: Sequence[JudgeQuestion],
    client: ChatClient,
    settings: JudgeSettings,
    *,
    concurrency: int = 16,
) -> Judgement:
    """Compare two sets of answers with a judge that sees each pair in both orders.

    Args:
        a: The first set; a win is a win of this set.
        b: The second set.
        questions: The questions with their contexts.
        client: Makes the calls: two for each question, and more where a verdict cannot be read.
        settings: How the judge is called.
        concurrency: Number of calls in flight.
    """
    models: set[str] = set()
    days: set[str] = set()
    stopped: list[str] = []

    async def verdict(task: tuple[JudgeQuestion, Order]) -> OrderVerdict:
        question, order = task
        answers = (a.texts[question.id], b.texts[question.id])
        reason, replies = "", 0
        for request in judge_requests(question, order, a, b, settings):
            try:
                reply = await client.complete(request)
            except CallFailed as failure:
                if isinstance(failure, Halted):
                    stopped.append(failure.reason)
                return OrderVerdict(order, None, None, str(failure), replies)
            replies += 1
            models.add(reply.model)
            days.add(reply.created[:10])
            found = parse_verdict(reply.text, answers, cut=reply.finish_reason == "length")
            if found.scores is not None:
                return in_order(order, found.scores, replies)
            reason = found.reason
        return OrderVerdict(order, None, None, reason, replies)

    tasks = [(question, order) for question in questions for order in ORDERS]
    verdicts = await map_bounded(verdict, tasks, concurrency=concurrency)
    return Judgement(
        a=a.name,
        b=b.name,
        model=settings.model,
        answered_by=tuple(sorted(models)),
        dates=(min(days), max(days)) if days else (),
        template=TEMPLATE_IMAGE if settings.with_images else TEMPLATE,
        seed=settings.seed,
        comparisons=tuple(
            ComparedAnswers(
                question.id,
                question.category,
                len(a.texts[question.id]),
                len(b.texts[question.id]),
                (verdicts[2 * row], verdicts[2 * row + 1]),
            )
            for row, question in enumerate(questions)
        ),
        stopped=stopped[-1] if stopped else None,
    )


def judge_in_session(
    a: AnswerSet, b: AnswerSet, questions: Sequence[JudgeQuestion], session: Session, settings: JudgeSettings
) -> Judgement:
    """Judge with a client of the session, which is closed afterwards; its notes are in the result."""
    concurrency = session.endpoint.concurrency
    with LoopThread() as loop:
        client = loop.open(session)
        found = loop.run(judge(a, b, questions, client, settings, concurrency=concurrency))
        return replace(found, notes=tuple(client.notes))


def plan_judging(
    a: AnswerSet, b: AnswerSet, questions: Sequence[JudgeQuestion], session: Session, settings: JudgeSettings
) -> Plan:
    """The calls and costs of judging if the first reply to each can be read. Sends nothing."""
    plan = Plan(session.cache, session.limits)
    for question in questions:
        for order in ORDERS:
            plan.add(next(judge_requests(question, order, a, b, settings)))
    return plan


def in_order(order: Order, scores: tuple[float, float], replies: int) -> OrderVerdict:
    """The verdict of two scores, which are in the order in which the answers were shown."""
    first, second = scores
    return OrderVerdict(order, *((first, second) if order == "ab" else (second, first)), "", replies)
