"""`perplexity`: how surprising the answer is to a language model that has read the instruction."""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from finegold.encoders import smollm2
from finegold.scorers.base import Batch, Column, Score
from finegold.scorers.causal_lm import Dtype, causal_lm_identity, load_causal_lm
from finegold.scorers.registry import NOT_IN_FINGERPRINT


@dataclass(frozen=True, slots=True)
class Perplexity:
    """exp of the mean negative log-likelihood of the answer's tokens given the instruction; 1 and up.

    The image is not read. Low is what the model could have said unseen, repetition included; high is rare
    wording, another language or word salad. Neither end is good as such: Marion et al. 2023 (arXiv
    2309.04564) keep the middle.

    Attributes:
        model: `smollm2`, or hub id or folder of a causal model.
        revision: Branch, tag or commit of a hub id.
        max_tokens: Instruction and answer are each cut to so many tokens, with a remark.
        dtype: `bfloat16` halves time and memory where the processor has it, and rounds the third digit.
        device: `auto`, `cpu`, `cuda`; changes no number beyond rounding.
    """

    name: ClassVar[str] = "perplexity"
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
        """One perplexity a sample; a row without an answer is skipped."""
        scores = [Score.skipped("the row has no answer")] * len(batch.samples)
        rows = [row for row, sample in enumerate(batch.samples) if sample.answer.strip()]
        losses = load_causal_lm(self.model, self.revision, self.dtype, self.device).answer_losses(
            [(batch.samples[row].instruction, batch.samples[row].answer) for row in rows], self.max_tokens
        )
        for row, loss in zip(rows, losses, strict=True):
            scores[row] = (
                Score.ok(math.exp(loss.nats), loss.remark)
                if loss.tokens
                else Score.failed("the answer has no text that the model's tokenizer knows")
            )
        return scores
