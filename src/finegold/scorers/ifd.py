"""`ifd`: instruction-following difficulty, how little the instruction helps a language model to the answer.

Ratio of perplexities as in Superfiltering (Li et al. 2024, arXiv 2402.00530), which showed that a small
model ranks rows as a large one does; the measure is from Cherry (Li et al. 2023, arXiv 2308.12032).
"""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from finegold.encoders import smollm2
from finegold.scorers.base import Batch, Column, Score
from finegold.scorers.causal_lm import Dtype, causal_lm_identity, load_causal_lm
from finegold.scorers.registry import NOT_IN_FINGERPRINT


@dataclass(frozen=True, slots=True)
class Ifd:
    """perplexity(answer | instruction) / perplexity(answer), both over the same answer tokens; above 0.

    Near 0 the instruction all but says the answer; at 1 it does not help; above 1 it misleads, which the
    two papers take for a mismatched pair and leave out. The image is not read: with one instruction for
    all rows, as in caption data, the ratio mostly says how much the answer reads like a reply.

    Attributes:
        model: `smollm2`, or hub id or folder of a causal model.
        revision: Branch, tag or commit of a hub id.
        max_tokens: Instruction and answer are each cut to so many tokens, with a remark.
        dtype: `bfloat16` halves time and memory where the processor has it, and rounds the third digit.
        device: `auto`, `cpu`, `cuda`; changes no number beyond rounding.
    """

    name: ClassVar[str] = "ifd"
    version: ClassVar[str] = "1"
    requires: ClassVar[frozenset[Column]] = frozenset({"instruction", "answer"})

    model: str = smollm2.NAME
    revision: str | None = None
    max_tokens: int = 512
    dtype: Dtype = "float32"
    device: str = field(default="auto", metadata=NOT_IN_FINGERPRINT)

    def identity(self) -> dict[str, Any]:
        """What the numbers depend on beside the parameters: the model's weights."""
        return causal_lm_identity(self.model, self.revision)

    def load(self) -> None:
        """Load the model; raises ModelError if it cannot be had."""
        load_causal_lm(self.model, self.revision, self.dtype, self.device)

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
        losses = load_causal_lm(self.model, self.revision, self.dtype, self.device).answer_losses(
            [*pairs, *((None, answer) for _, answer in pairs)], self.max_tokens
        )
        for row, given, alone in zip(rows, losses[: len(rows)], losses[len(rows) :], strict=True):
            scores[row] = (
                Score.ok(math.exp(given.nats - alone.nats), given.remark)
                if given.tokens
                else Score.failed("the answer has no text that the model's tokenizer knows")
            )
        return scores
