"""Score a few samples outside of a run."""

from collections.abc import Sequence

from finegold.samples import Sample
from finegold.scorers import Batch, Context, Corpus, Score, Scorer


def scores_of(
    scorer: Scorer, batch: Batch | Sequence[Sample], *, corpus: Corpus | None = None, retry: bool = False
) -> list[Score]:
    """Prepare the scorer on the CPU and score one batch."""
    context = Context(device="cpu", retry=retry)
    if corpus is not None:
        context = Context(device="cpu", retry=retry, read_corpus=lambda: corpus)
    with context:
        return scorer.prepare(context)(batch if isinstance(batch, Batch) else Batch(batch))
