"""How well a causal language model predicts the answer: `perplexity`, and `ifd`, its fall by the instruction.

`ifd` is the instruction-following difficulty: a ratio of perplexities as in Superfiltering (Li et al. 2024,
arXiv 2402.00530), which showed that a small model ranks rows as a large one does; the measure is from Cherry
(Li et al. 2023, arXiv 2308.12032).
"""

import math
from dataclasses import dataclass
from typing import Any

from finegold.offline import smollm2
from finegold.samples import Sample
from finegold.scorers.base import Batch, Context, Score, ScoreBatch, Scorer
from finegold.scorers.registry import SCORERS
from finegold.scorers.text_models import CausalLm, Dtype, load_causal_lm, pretrained_identity

NO_TOKENS = "the answer has no text that the model's tokenizer knows"
"""Why an answer of no tokens fails."""


@SCORERS.register("perplexity")
@dataclass(frozen=True)
class Perplexity(Scorer):
    """exp of the mean negative log-likelihood of the answer's tokens given the instruction; 1 and up.

    The image is not read. Low is what the model could have said unseen, repetition included; high is rare
    wording, another language or word salad. Neither end is good as such: Marion et al. 2023 (arXiv
    2309.04564) keep the middle.

    Attributes:
        model: `smollm2`, or hub id or folder of a causal model.
        revision: Branch, tag or commit of a hub id.
        max_tokens: Instruction and answer are each cut to so many tokens, with a remark.
        dtype: `bfloat16` halves time and memory where the processor has it, and rounds the third digit.
    """

    name = "perplexity"
    version = "1"
    requires = frozenset({"instruction", "answer"})
    automatic = False

    model: str = smollm2.NAME
    revision: str | None = None
    max_tokens: int = 512
    dtype: Dtype = "float32"

    def identity(self, context: Context) -> dict[str, Any]:
        """What the numbers depend on besides the parameters: the model's weights."""
        return pretrained_identity("language model", self.model, self.revision)

    def prepare(self, context: Context) -> ScoreBatch:
        """Load the model; a row to which the indicator does not apply is skipped."""
        model = load_causal_lm(self.model, self.revision, self.dtype, context.device)

        def score(batch: Batch) -> list[Score]:
            reasons = [self._inapplicable(sample) for sample in batch.samples]
            scores = [Score.skipped(reason or "") for reason in reasons]
            rows = [row for row, reason in enumerate(reasons) if reason is None]
            for row, found in zip(rows, self._read(model, [batch.samples[row] for row in rows]), strict=True):
                scores[row] = found
            return scores

        return score

    def _inapplicable(self, sample: Sample) -> str | None:
        return None if sample.answer.strip() else "the row has no answer"

    def _read(self, model: CausalLm, samples: list[Sample]) -> list[Score]:
        pairs = [(sample.instruction, sample.answer) for sample in samples]
        return [
            Score.ok(math.exp(loss.nats), loss.remark) if loss.tokens else Score.failed(NO_TOKENS)
            for loss in model.answer_losses(pairs, self.max_tokens)
        ]


@SCORERS.register("ifd")
@dataclass(frozen=True)
class Ifd(Perplexity):
    """perplexity(answer | instruction) / perplexity(answer), both over the same answer tokens; above 0.

    Near 0 the instruction all but says the answer; at 1 it does not help; above 1 it misleads, which the
    two papers take for a mismatched pair and leave out. The image is not read: with one instruction for
    all rows, as in caption data, the ratio mostly says how much the answer reads like a reply. Parameters
    are those of `perplexity`.
    """

    name = "ifd"

    def _inapplicable(self, sample: Sample) -> str | None:
        if not sample.instruction.strip():
            return "the row has no instruction"
        return super()._inapplicable(sample)

    def _read(self, model: CausalLm, samples: list[Sample]) -> list[Score]:
        pairs = [(sample.instruction, sample.answer) for sample in samples]
        losses = model.answer_losses([*pairs, *((None, answer) for _, answer in pairs)], self.max_tokens)
        return [
            Score.ok(math.exp(given.nats - alone.nats), given.remark)
            if given.tokens
            else Score.failed(NO_TOKENS)
            for given, alone in zip(losses[: len(pairs)], losses[len(pairs) :], strict=True)
        ]
