"""Judged answers as a page, as a section of other pages, and as a table for the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from finegold.errors import DataError
from finegold.judging.files import AnswerSet, JudgeQuestion
from finegold.judging.result import Judgement, OrderVerdict, Tally
from finegold.report.charts import stacked_bars
from finegold.report.html import render_page, render_part
from finegold.report.text import printable
from finegold.samples.images import by_content, decode
from finegold.samples.thumbnails import thumbnail
from finegold.statistics import Estimate

SHOWN_REASONS = 5
"""Reasons for missing verdicts that the terminal lists."""


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """A question as the page shows it: what was asked, both answers, and both verdicts in words.

    Attributes:
        id: Id of the question.
        category: Category of the question.
        text: The question.
        answers: The answers of A and of B.
        thumbnail: JPEG of the image; None without one that can be read.
        outcome: `win`, `tie`, `lose` or `invalid`, for A.
        verdicts: Verdicts in the orders `ab` and `ba`.
    """

    id: str
    category: str
    text: str
    answers: tuple[str, str]
    thumbnail: bytes | None
    outcome: str
    verdicts: tuple[str, str]


def judged_questions(
    result: Judgement, a: AnswerSet, b: AnswerSet, questions: Sequence[JudgeQuestion]
) -> list[JudgedQuestion]:
    """What the page shows of each question, in the order of the judgement."""
    by_id = {question.id: question for question in questions}
    return [
        JudgedQuestion(
            compared.question_id,
            LLAVA_CATEGORIES.get(compared.category, compared.category),
            by_id[compared.question_id].text,
            (a.texts[compared.question_id], b.texts[compared.question_id]),
            _picture(by_id[compared.question_id]),
            compared.outcome,
            (_said(compared.orders[0]), _said(compared.orders[1])),
        )
        for compared in result.comparisons
    ]


def _picture(question: JudgeQuestion) -> bytes | None:
    try:
        return None if question.image is None else thumbnail(decode(by_content(question.image)))
    except DataError:
        return None


def _said(verdict: OrderVerdict) -> str:
    if verdict.a is None or verdict.b is None:
        return f"no verdict: {verdict.reason}"
    first = "A" if verdict.order == "ab" else "B"
    return f"A {verdict.a:g}, B {verdict.b:g} ({first} shown first)"


LLAVA_CATEGORIES = {"conv": "conversation", "detail": "detail", "complex": "complex reasoning"}
"""LLaVA-Bench's categories in words."""


def judgement_page(result: Judgement, questions: Sequence[JudgedQuestion] = ()) -> str:
    """The comparison as one HTML page, with every question that is given."""
    section = judgement_section(result)
    return render_page("judge.html", style="study.css", result=result, section=section, questions=questions)


def judgement_section(result: Judgement, anchor: str = "judge") -> Markup:
    """An HTML fragment: win-tie-lose bars (all and by category), intervals, and the judge's biases.

    Args:
        result: The judged answers.
        anchor: HTML id, unique in the page.
    """
    tallies = _tallies(result)
    overall = tallies["all"]
    parts = ("win", "tie", "lose", "invalid") if overall.invalid else ("win", "tie", "lose")
    counts = {
        name: dict(zip(parts, (found.wins, found.ties, found.losses, found.invalid), strict=False))
        for name, found in tallies.items()
    }
    return render_part(
        "judge_section.html",
        result=result,
        anchor=anchor,
        invalid=overall.invalid,
        bars=stacked_bars(counts, f"{overall.wins} wins, {overall.ties} ties, {overall.losses} losses"),
        rows=[(name, *_figures(found, "p = ")) for name, found in tallies.items()],
        ratings=[(name, *_ratings(found)) for name, found in tallies.items()],
        bias=[*_bias(result), ("answered by", ", ".join(result.answered_by))],
    )


def judgement_table(result: Judgement) -> RenderableType:
    """Counts with intervals, overall and per category, and what the verdicts say about the judge."""
    title = escape(printable(f"{result.a} against {result.b}, judged by {result.model} in both orders"))
    counts = Table(title=title, title_justify="left")
    counts.add_column("questions")
    for name in ("win", "tie", "lose", "invalid", "win rate (95%)", "net (95%)", "p"):
        counts.add_column(name, justify="right")
    for name, found in _tallies(result).items():
        numbers = map(str, (found.wins, found.ties, found.losses, found.invalid))
        counts.add_row(escape(printable(name)), *numbers, *_figures(found))
    scores = Table(
        title=escape(printable(f"Scores of {result.a}, and relative to {result.b}")), title_justify="left"
    )
    scores.add_column("questions")
    for name in ("equal or better (95%)", "relative %, both orders", "relative %, B first", "unrated"):
        scores.add_column(name, justify="right")
    for name, found in _tallies(result).items():
        scores.add_row(escape(printable(name)), *_ratings(found))
    judges, days = ", ".join(result.answered_by) or result.model, " to ".join(dict.fromkeys(result.dates))
    reasons = result.reasons()
    more = sum(number for _, number in reasons[SHOWN_REASONS:])
    lines = [
        *(f"{name}: {value}" for name, value in _bias(result)),
        f"judged by: {judges}, {days}" if days else f"judged by: {judges}",
        *([f"stopped early: {result.stopped}"] if result.stopped else []),
        *result.notes,
        *([result.canaries.note()] if result.canaries else []),
        *(f"no verdict: {number:,} for: {reason}" for reason, number in reasons[:SHOWN_REASONS]),
        *([f"no verdict: {more:,} for other reasons"] if more else []),
    ]
    return Group(counts, scores, Text("\n".join(map(printable, lines))))


def _bias(result: Judgement) -> list[tuple[str, str]]:
    """What the verdicts say about the judge."""
    bias = result.bias()
    return [
        ("both orders agree", share_text(bias.order_consistency)),
        ("verdicts for the answer shown first (fair: 50%)", share_text(bias.first_position)),
        ("verdicts for the longer answer", share_text(bias.longer)),
        ("verdicts that are draws", str(bias.draws)),
    ]


def _ratings(found: Tally) -> tuple[str, str, str, str]:
    """Equal or better, relative scores in both orders and with B first, and ratings without a number."""
    return (
        share_text(found.not_worse),
        percent_text(found.relative),
        percent_text(found.relative_b_first),
        str(found.unrated),
    )


def percent_text(estimate: Estimate | None) -> str:
    """A percentage with its interval and number of questions: `91.2 (88.0 to 94.1, n=60)`."""
    if estimate is None or estimate.ends is None:
        return "no ratings"
    low, high = estimate.ends
    return f"{estimate.value:.1f} ({low:.1f} to {high:.1f}, n={estimate.n})"


def _figures(found: Tally, p: str = "") -> tuple[str, str, str]:
    """Win rate and net wins with intervals, and the p-value, if there is one, after the text `p`."""
    p_value = "" if found.p_value is None else f"{p}{found.p_value:.3f}"
    return share_text(found.win_rate), net_text(found.net), p_value


def share_text(estimate: Estimate | None) -> str:
    """A share with its interval and number of cases: `48% (35 to 62, n=60)`."""
    if estimate is None or estimate.ends is None:
        return "no cases"
    low, high = (f"{100 * end:.0f}" for end in estimate.ends)
    return f"{100 * estimate.value:.0f}% ({low} to {high}, n={estimate.n})"


def net_text(estimate: Estimate | None) -> str:
    """Net wins with their interval: `+0.22 (+0.00 to +0.43)`."""
    if estimate is None or estimate.ends is None:
        return "no cases"
    low, high = estimate.ends
    return f"{estimate.value:+.2f} ({low:+.2f} to {high:+.2f})"


def _tallies(result: Judgement) -> dict[str, Tally]:
    """Counts of all questions, then of each category if there are several."""
    categories = {LLAVA_CATEGORIES.get(name, name): found for name, found in result.by_category().items()}
    return {"all": result.overall()} | (categories if len(categories) > 1 else {})
