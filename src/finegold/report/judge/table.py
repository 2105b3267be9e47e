"""The comparison as a table for the terminal."""

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from finegold.judging.intervals import Estimate
from finegold.judging.result import Judgement


def table(result: Judgement) -> RenderableType:
    """Counts with intervals, overall and per category, and what the verdicts say about the judge."""
    title = escape(f"{result.a} against {result.b}, judged by {result.model} in both orders")
    counts = Table(title=title, title_justify="left")
    counts.add_column("questions")
    for name in ("win", "tie", "lose", "invalid"):
        counts.add_column(name, justify="right")
    counts.add_column("win rate (95%)", justify="right")
    counts.add_column("net (95%)", justify="right")
    counts.add_column("p", justify="right")
    rows = {"all": result.overall()}
    categories = result.by_category()
    rows |= categories if len(categories) > 1 else {}
    for name, found in rows.items():
        counts.add_row(
            escape(name),
            str(found.wins),
            str(found.ties),
            str(found.losses),
            str(found.invalid),
            share(found.win_rate),
            signed(found.net),
            "" if found.p_value is None else f"{found.p_value:.3f}",
        )
    bias = result.bias()
    judges, days = ", ".join(result.answered_by) or result.model, " to ".join(dict.fromkeys(result.dates))
    lines = [
        f"both orders agree: {share(bias.order_consistency)}",
        f"verdicts for the answer shown first: {share(bias.first_position)} (fair: 50%)",
        f"verdicts for the longer answer: {share(bias.longer)}",
        f"verdicts that are draws: {bias.draws}",
        f"judged by: {judges}, {days}" if days else f"judged by: {judges}",
        *(f"stopped early: {reason}" for reason in [result.stopped] if reason),
        *result.notes,
    ]
    return Group(counts, Text("\n".join(lines)))


def share(estimate: Estimate) -> str:
    """`48% (35 to 62, n=60)`."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "no cases"
    low, high = (f"{100 * end:.0f}" for end in (estimate.low, estimate.high))
    return f"{100 * estimate.value:.0f}% ({low} to {high}, n={estimate.n})"


def signed(estimate: Estimate) -> str:
    """`+0.22 (+0.00 to +0.43)`."""
    if estimate.value is None:
        return "no cases"
    return f"{estimate.value:+.2f} ({estimate.low:+.2f} to {estimate.high:+.2f})"
