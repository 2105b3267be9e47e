"""How well a language model predicts the answer: `perplexity`, and `ifd`, its change by the instruction.

`ifd` is the instruction-following difficulty: a ratio of perplexities as in Superfiltering (Li et al. 2024,
arXiv 2402.00530), which showed that a small model ranks rows as a large one does; the measure is from Cherry
(Li et al. 2023, arXiv 2308.12032).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from finegold.offline import smollm2
from finegold.samples import Sample
from finegold.scorers.base import Context, Score, ScoreBatch, Scorer, score_applicable
from finegold.scorers.registry import SCORERS
from finegold.scorers.text_models import AnswerLoss, CausalLm, Dtype, load_causal_lm, pretrained_identity


@SCORERS.register("perplexity")
@dataclass(frozen=True)
class Perplexity(Scorer):
    """exp of the mean negative log-likelihood of the answer's tokens given the instruction; 1 and up.

    The image is not read. Low values are answers that the model could have guessed, repetition included; high
    ones are rare wording, another language or word salad. Neither end is good as such: Marion et al. 2023
    (arXiv 2309.04564) keep the middle.

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
        return lambda batch: score_applicable(batch, self._reason_against, partial(self._read, model))

    def _reason_against(self, sample: Sample) -> str | None:
        return None if sample.answer.strip() else "the row has no answer"

    def _read(self, model: CausalLm, samples: Sequence[Sample]) -> list[Score]:
        pairs = [(sample.instruction, sample.answer) for sample in samples]
        return [_score(loss, loss.nats) for loss in model.answer_losses(pairs, self.max_tokens)]


@SCORERS.register("ifd")
@dataclass(frozen=True)
class Ifd(Perplexity):
    """perplexity(answer | instruction) / perplexity(answer), both over the same answer tokens; above 0.

    Near 0 the instruction almost states the answer; at 1 it does not help; above 1 it misleads, and the two
    papers exclude the pair as mismatched. The image is not read: with one instruction for all rows, as in
    caption data, the ratio mostly says how much the answer reads like a reply. It has the parameters of
    `perplexity`.
    """

    name = "ifd"

    def _reason_against(self, sample: Sample) -> str | None:
        no_instruction = None if sample.instruction.strip() else "the row has no instruction"
        return no_instruction or super()._reason_against(sample)

    def _read(self, model: CausalLm, samples: Sequence[Sample]) -> list[Score]:
        pairs = [(sample.instruction, sample.answer) for sample in samples]
        losses = model.answer_losses([*pairs, *((None, answer) for _, answer in pairs)], self.max_tokens)
        both = zip(losses[: len(pairs)], losses[len(pairs) :], strict=True)
        return [_score(after, after.nats - alone.nats) for after, alone in both]


def _score(loss: AnswerLoss, nats: float) -> Score:
    if not loss.tokens:
        return Score.failed("the answer has no text that the model's tokenizer knows")
    return Score.ok(math.exp(nats), loss.remark)
