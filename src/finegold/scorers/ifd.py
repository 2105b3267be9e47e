"""`ifd`: instruction-following difficulty, how little the instruction helps a language model to the answer.

Ratio of perplexities as in Superfiltering (Li et al. 2024, arXiv 2402.00530), which showed that a small
model ranks rows as a large one does; the measure is from Cherry (Li et al. 2023, arXiv 2308.12032).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from finegold.scorers.answer_scorer import NO_TOKENS, AnswerScorer
from finegold.scorers.base import Batch, Score


@dataclass(frozen=True, slots=True)
class Ifd(AnswerScorer):
    """perplexity(answer | instruction) / perplexity(answer), both over the same answer tokens; above 0.

    Near 0 the instruction all but says the answer; at 1 it does not help; above 1 it misleads, which the
    two papers take for a mismatched pair and leave out. The image is not read: with one instruction for
    all rows, as in caption data, the ratio mostly says how much the answer reads like a reply.
    """

    name: ClassVar[str] = "ifd"
    version: ClassVar[str] = "1"

    def score(self, batch: Batch) -> list[Score]:
        """One ratio a sample; a row without an answer or an instruction is skipped."""
        scores = [
            Score.skipped("the row has no answer" if sample.instruction else "the row has no instruction")
            for sample in batch.samples
        ]
        rows = [
            row
            for row, sample in enumerate(batch.samples)
            if sample.answer.strip() and sample.instruction.strip()
        ]
        pairs = [(batch.samples[row].instruction, batch.samples[row].answer) for row in rows]
        losses = self.losses([*pairs, *((None, answer) for _, answer in pairs)])
        for row, given, alone in zip(rows, losses[: len(rows)], losses[len(rows) :], strict=True):
            scores[row] = (
                Score.ok(math.exp(given.nats - alone.nats), given.remark)
                if given.tokens
                else Score.failed(NO_TOKENS)
            )
        return scores
