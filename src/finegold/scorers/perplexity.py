"""`perplexity`: how surprising the answer is to a language model that has read the instruction."""

import math
from dataclasses import dataclass
from typing import ClassVar

from finegold.scorers.answer_scorer import NO_TOKENS, AnswerScorer
from finegold.scorers.base import Batch, Score


@dataclass(frozen=True, slots=True)
class Perplexity(AnswerScorer):
    """exp of the mean negative log-likelihood of the answer's tokens given the instruction; 1 and up.

    The image is not read. Low is what the model could have said unseen, repetition included; high is rare
    wording, another language or word salad. Neither end is good as such: Marion et al. 2023 (arXiv
    2309.04564) keep the middle.
    """

    name: ClassVar[str] = "perplexity"
    version: ClassVar[str] = "1"

    def score(self, batch: Batch) -> list[Score]:
        """One perplexity a sample; a row without an answer is skipped."""
        scores = [Score.skipped("the row has no answer")] * len(batch.samples)
        rows = [row for row, sample in enumerate(batch.samples) if sample.answer.strip()]
        losses = self.losses([(batch.samples[row].instruction, batch.samples[row].answer) for row in rows])
        for row, loss in zip(rows, losses, strict=True):
            scores[row] = (
                Score.ok(math.exp(loss.nats), loss.remark) if loss.tokens else Score.failed(NO_TOKENS)
            )
        return scores
