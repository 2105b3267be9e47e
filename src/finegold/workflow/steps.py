"""Scoring from names and texts, as a command line has them."""

from finegold.samples.images import decode
from finegold.scorers import Context
from finegold.scorers.llm import LlmScorer
from finegold.workflow.run import Run


def plan_scoring(run: Run, scorer: LlmScorer, context: Context) -> list[tuple[str, str]]:
    """What an LLM scorer would send for the usable rows and its price, as names and values; sends nothing."""
    with run.folder.writing():
        rows = run.rows()
    usable = (row.sample for row in run.dataset.rows() if rows.usable[row.index] and row.sample is not None)
    if "image" not in scorer.requires:
        return scorer.plan(context, usable).lines()
    samples = list(usable)
    return scorer.plan(
        context, samples, (decode(sample.images[0]) if sample.images else None for sample in samples)
    ).lines()
