"""Pairwise judging: every question in both orders, unreadable verdicts requested again, then counted."""

from collections.abc import Sequence
from dataclasses import replace

from finegold.judging.files import AnswerSet, JudgeQuestion
from finegold.judging.prompt import JudgeSettings, Order, judge_request, template_of
from finegold.judging.result import ComparedAnswers, Judgement, OrderVerdict
from finegold.judging.verdict import parse_verdict
from finegold.llm import ChatClient, ChatReply, LoopThread, Plan, Session, ask_until_read, map_bounded

ORDERS: tuple[Order, Order] = ("ab", "ba")


async def judge_answers(
    a: AnswerSet,
    b: AnswerSet,
    questions: Sequence[JudgeQuestion],
    client: ChatClient,
    settings: JudgeSettings,
    *,
    concurrency: int = 16,
    retry: bool = False,
) -> Judgement:
    """Compare two sets of answers with a judge that sees each pair in both orders.

    Args:
        a: The first set; a win is a win of this set.
        b: The second set.
        questions: The questions with their contexts.
        client: Makes the calls: two for each question, and more where a verdict cannot be read.
        settings: How the judge is called.
        concurrency: Number of calls in flight.
        retry: Whether the judge is called again where no reply of an earlier run can be read.
    """
    models: set[str] = set()
    days: set[str] = set()
    stopped: list[str] = []

    async def verdict(task: tuple[JudgeQuestion, Order]) -> OrderVerdict:
        question, order = task
        answers = (a.texts[question.id], b.texts[question.id])
        shown = answers if order == "ab" else answers[::-1]

        def read(reply: ChatReply) -> tuple[tuple[float, float] | None, str]:
            models.add(reply.model)
            days.add(reply.created[:10])
            verdict = parse_verdict(reply.answer, shown, cut=reply.finish_reason == "length")
            return verdict.scores, verdict.reason

        found = await ask_until_read(
            client,
            lambda attempt: judge_request(question, order, a, b, settings, attempt),
            read,
            asks=settings.attempts,
            retry=retry,
        )
        if found.halted is not None:
            stopped.append(found.halted)
        if found.value is None:
            return OrderVerdict(order, None, None, found.reason, found.replies)
        return in_order(order, found.value, found.replies)

    tasks = [(question, order) for question in questions for order in ORDERS]
    verdicts = await map_bounded(verdict, tasks, concurrency=concurrency)
    return Judgement(
        a=a.name,
        b=b.name,
        model=settings.model,
        answered_by=tuple(sorted(models)),
        dates=(min(days), max(days)) if days else (),
        template=", ".join(sorted({template_of(question, settings) for question in questions})),
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
        found = loop.run(
            judge_answers(a, b, questions, client, settings, concurrency=concurrency, retry=session.retry)
        )
        return replace(found, notes=tuple(client.notes))


def plan_judging(
    a: AnswerSet, b: AnswerSet, questions: Sequence[JudgeQuestion], settings: JudgeSettings, plan: Plan
) -> Plan:
    """Add the calls of judging to a plan, as if the first reply to each could be read. Sends nothing.

    Args:
        a: The first set.
        b: The second set.
        questions: The questions.
        settings: How the judge is called.
        plan: Calls to which these are added.
    """
    for question in questions:
        for order in ORDERS:
            plan.add(judge_request(question, order, a, b, settings))
    return plan


def in_order(order: Order, scores: tuple[float, float], replies: int) -> OrderVerdict:
    """The verdict of two scores, which are in the order in which the answers were shown."""
    first, second = scores
    return OrderVerdict(order, *((first, second) if order == "ab" else (second, first)), "", replies)
