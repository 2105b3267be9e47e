"""Judged answers as a page, as a section of other pages, and as a table for the terminal."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from finegold.judging.result import Judgement, Tally
from finegold.report.charts import stacked_bars
from finegold.report.html import render_page, render_part
from finegold.report.judged import JudgedQuestion, category_words
from finegold.report.text import printable
from finegold.statistics import Estimate

OUTCOME_WORDS = {"win": "A wins", "tie": "tie", "lose": "B wins", "invalid": "no verdict"}
"""What pages call the outcomes of questions."""
SHOWN_REASONS = 5
"""Reasons for missing verdicts that the terminal lists."""


def judgement_page(result: Judgement, questions: Sequence[JudgedQuestion] = ()) -> str:
    """The comparison as one HTML page, with every question that is given."""
    found = result.overall()
    return render_page(
        "judge.html",
        style="study.css",
        result=result,
        section=judgement_section(result),
        questions=questions,
        counts=counts_text(found),
        words=OUTCOME_WORDS,
        outcomes=[
            ("A wins", found.wins),
            ("ties", found.ties),
            ("B wins", found.losses),
            ("no verdict", found.invalid),
        ],
    )


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
        bars=stacked_bars(counts, counts_text(overall)),
        **judgement_tables(result),
    )


def judgement_tables(result: Judgement) -> dict[str, Any]:
    """The figures of a judgement as texts.

    Returns:
        `rows`: for all questions and for each category win rate, net wins and p-value; `ratings`: equal or
        better, relative scores, and ratings without a number; `bias`: names and values.
    """
    tallies = _tallies(result)
    return {
        "rows": [(name, *_figures(found, "p = ")) for name, found in tallies.items()],
        "ratings": [(name, *_ratings(found)) for name, found in tallies.items()],
        "bias": [*_bias(result), ("answered by", ", ".join(result.answered_by))],
    }


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


def counts_text(found: Tally) -> str:
    """Wins, ties, losses and invalid questions in words: `29 wins, 1 tie, 16 losses`."""
    named = [("win", "wins", found.wins), ("tie", "ties", found.ties), ("loss", "losses", found.losses)]
    words = [f"{number:,} {one if number == 1 else more}" for one, more, number in named]
    return ", ".join([*words, *([f"{found.invalid:,} invalid"] if found.invalid else [])])


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
    categories = {category_words(name): found for name, found in result.by_category().items()}
    return {"all": result.overall()} | (categories if len(categories) > 1 else {})
