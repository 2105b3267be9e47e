"""Judged answers as a page, as a section of other pages, and as a table for the terminal."""

from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from finegold.judging.result import Judgement, Tally
from finegold.report.charts import stacked_bars
from finegold.report.html import render_page, render_part
from finegold.statistics import Estimate


def judgement_page(result: Judgement) -> str:
    """The comparison as one HTML page."""
    return render_page("judge.html", result=result, section=judgement_section(result))


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
        bias=[*_bias(result), ("answered by", ", ".join(result.answered_by))],
    )


def judgement_table(result: Judgement) -> RenderableType:
    """Counts with intervals, overall and per category, and what the verdicts say about the judge."""
    title = escape(f"{result.a} against {result.b}, judged by {result.model} in both orders")
    counts = Table(title=title, title_justify="left")
    counts.add_column("questions")
    for name in ("win", "tie", "lose", "invalid", "win rate (95%)", "net (95%)", "p"):
        counts.add_column(name, justify="right")
    for name, found in _tallies(result).items():
        numbers = map(str, (found.wins, found.ties, found.losses, found.invalid))
        counts.add_row(escape(name), *numbers, *_figures(found))
    judges, days = ", ".join(result.answered_by) or result.model, " to ".join(dict.fromkeys(result.dates))
    lines = [
        *(f"{name}: {value}" for name, value in _bias(result)),
        f"judged by: {judges}, {days}" if days else f"judged by: {judges}",
        *([f"stopped early: {result.stopped}"] if result.stopped else []),
        *result.notes,
    ]
    return Group(counts, Text("\n".join(lines)))


def _bias(result: Judgement) -> list[tuple[str, str]]:
    """What the verdicts say about the judge."""
    bias = result.bias()
    return [
        ("both orders agree", share_text(bias.order_consistency)),
        ("verdicts for the answer shown first (fair: 50%)", share_text(bias.first_position)),
        ("verdicts for the longer answer", share_text(bias.longer)),
        ("verdicts that are draws", str(bias.draws)),
    ]


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
    categories = result.by_category()
    return {"all": result.overall()} | (categories if len(categories) > 1 else {})
