"""Pairwise judging: every question in both orders, unreadable verdicts requested again, then counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from finegold.judging.files import AnswerSet, JudgeQuestion
from finegold.judging.prompt import TEMPLATE, Order, judge_request
from finegold.judging.result import ComparedAnswers, Judgement, OrderVerdict
from finegold.judging.verdict import parse_verdict
from finegold.llm import (
    CallFailed,
    ChatClient,
    ChatReply,
    ChatRequest,
    Halted,
    LoopThread,
    Plan,
    Session,
    map_bounded,
)

ORDERS: tuple[Order, Order] = ("ab", "ba")


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """How the judge is called.

    Attributes:
        model: Name of the judge at the endpoint.
        temperature: Temperature of the replies; None leaves it to the endpoint.
        max_tokens: Longest reply.
        structured: Whether to request JSON that follows a schema, where the endpoint can do so.
        attempts: Largest number of calls for one question in one order, until a verdict can be read.
        seed: Seed of the bootstrap.
    """

    model: str
    temperature: float | None = 0.0
    max_tokens: int = 512
    structured: bool = True
    attempts: int = 3
    seed: int = 0


@dataclass(slots=True)
class _Seen:
    """What the replies say about the judge."""

    models: set[str] = field(default_factory=set)
    days: set[str] = field(default_factory=set)
    stopped: str | None = None


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
        a: The first set; wins are its wins.
        b: The second set.
        questions: The questions with their contexts.
        client: Answers the calls: two for each question, and more where a verdict cannot be read.
        settings: How the judge is called.
        concurrency: Number of calls in flight.
    """
    seen = _Seen()

    async def one(task: tuple[JudgeQuestion, Order]) -> OrderVerdict:
        return await _verdict(*task, a, b, client, settings, seen)

    tasks = [(question, order) for question in questions for order in ORDERS]
    verdicts = await map_bounded(one, tasks, concurrency=concurrency)
    comparisons = tuple(
        ComparedAnswers(
            question.id,
            question.category,
            len(a.texts[question.id]),
            len(b.texts[question.id]),
            (verdicts[2 * row], verdicts[2 * row + 1]),
        )
        for row, question in enumerate(questions)
    )
    days = sorted(seen.days)
    return Judgement(
        a=a.name,
        b=b.name,
        model=settings.model,
        answered_by=tuple(sorted(seen.models)),
        dates=(days[0], days[-1]) if days else (),
        template=TEMPLATE,
        seed=settings.seed,
        comparisons=comparisons,
        stopped=seen.stopped,
    )


def judge_in_session(
    a: AnswerSet, b: AnswerSet, questions: Sequence[JudgeQuestion], session: Session, settings: JudgeSettings
) -> Judgement:
    """`judge` with a client of the session, which is closed afterwards; its notes are in the result."""
    concurrency = session.endpoint.concurrency
    with LoopThread() as loop:
        client = loop.open(session)
        found = loop.run(judge(a, b, questions, client, settings, concurrency=concurrency))
        return replace(found, notes=tuple(client.notes))


def plan_judging(
    a: AnswerSet, b: AnswerSet, questions: Sequence[JudgeQuestion], session: Session, settings: JudgeSettings
) -> Plan:
    """What judging would send and cost, if every verdict can be read at once. Sends nothing."""
    plan = Plan(session.cache, session.limits)
    for question in questions:
        for order in ORDERS:
            plan.add(next(_requests(question, order, a, b, settings)))
    return plan


def _requests(
    question: JudgeQuestion, order: Order, a: AnswerSet, b: AnswerSet, settings: JudgeSettings
) -> Iterator[ChatRequest]:
    answers = (a.texts[question.id], b.texts[question.id])
    for attempt in range(settings.attempts):
        yield judge_request(
            question,
            answers,
            order,
            model=settings.model,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            structured=settings.structured,
            attempt=attempt,
            tags={
                "question_id": question.id,
                "order": order,
                "category": question.category,
                "a": a.name,
                "b": b.name,
                "a_length": len(answers[0]),
                "b_length": len(answers[1]),
            },
        )


async def _verdict(
    question: JudgeQuestion,
    order: Order,
    a: AnswerSet,
    b: AnswerSet,
    client: ChatClient,
    settings: JudgeSettings,
    seen: _Seen,
) -> OrderVerdict:
    reason, replies = "", 0
    answers = (a.texts[question.id], b.texts[question.id])
    for request in _requests(question, order, a, b, settings):
        try:
            reply: ChatReply = await client.complete(request)
        except CallFailed as failure:
            if isinstance(failure, Halted):
                seen.stopped = failure.reason
            return OrderVerdict(order, None, None, str(failure), replies)
        replies += 1
        seen.models.add(reply.model)
        seen.days.add(reply.created[:10])
        verdict = parse_verdict(reply.text, answers, cut=reply.finish_reason == "length")
        if verdict.scores is not None:
            return in_order(order, verdict.scores, replies)
        reason = verdict.reason
    return OrderVerdict(order, None, None, reason, replies)


def in_order(order: Order, scores: tuple[float, float], replies: int) -> OrderVerdict:
    """Scores as shown turned into scores of A and B."""
    first, second = scores
    return OrderVerdict(order, *((first, second) if order == "ab" else (second, first)), "", replies)
