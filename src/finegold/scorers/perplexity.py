"""How well a language model predicts the answer: `perplexity`, and `ifd`, its change by the instruction.

`ifd` is the instruction-following difficulty: a ratio of perplexities as in Superfiltering (Li et al. 2024,
arXiv 2402.00530), which showed that a small model ranks rows as a large one does; the measure is from Cherry
(Li et al. 2023, arXiv 2308.12032).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp
from typing import Any, NamedTuple

from finegold.offline import smollm2
from finegold.samples import Pair, Sample
from finegold.scorers.base import ABOVE_0, Context, Score, ScoreBatch, Scorer, fold, no_answer
from finegold.scorers.registry import SCORERS
from finegold.scorers.text_models import AnswerLoss, CausalLm, Dtype, load_causal_lm, pretrained_identity


@SCORERS.register("perplexity")
@dataclass(frozen=True)
class Perplexity(Scorer):
    """exp of the mean negative log-likelihood of the answer's tokens given the instruction; 1 and up.

    A row with several turns has the value over the tokens of all its answers, each after its own question.
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
    version = "2"
    requires = frozenset({"instruction", "answer"})
    by_turn = True
    automatic = False

    model: str = smollm2.NAME
    revision: str | None = None
    max_tokens: int = field(default=512, metadata=ABOVE_0)
    dtype: Dtype = "float32"

    def identity(self, context: Context) -> dict[str, Any]:
        """What the numbers depend on besides the parameters: the model's weights."""
        return pretrained_identity("language model", self.model, self.revision)

    def prepare(self, context: Context) -> ScoreBatch:
        """Load the model; a row to which the indicator does not apply is skipped."""
        model = load_causal_lm(self.model, self.revision, self.dtype, context.device)
        return lambda batch: self._score(model, batch.samples)

    def _score(self, model: CausalLm, samples: Sequence[Sample]) -> list[Score]:
        pairs = [pair for sample in samples for pair in sample.pairs]
        reasons = [self._reason_against(pair) for pair in pairs]
        found = iter(self._read(model, [p for p, why in zip(pairs, reasons, strict=True) if why is None]))
        read = iter([next(found) if why is None else Score.skipped(why) for why in reasons])
        return [_row([next(read) for _ in sample.pairs]) for sample in samples]

    def _reason_against(self, pair: Pair) -> str | None:
        return no_answer(pair)

    def _read(self, model: CausalLm, pairs: Sequence[Pair]) -> list["_Reading | Score"]:
        return [_reading(loss, loss.nats) for loss in model.answer_losses(pairs, self.max_tokens)]


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

    def _reason_against(self, pair: Pair) -> str | None:
        return super()._reason_against(pair) if pair.question else "there is no instruction"

    def _read(self, model: CausalLm, pairs: Sequence[Pair]) -> list["_Reading | Score"]:
        losses = model.answer_losses([*pairs, *((None, answer) for _, answer in pairs)], self.max_tokens)
        both = zip(losses[: len(pairs)], losses[len(pairs) :], strict=True)
        return [_reading(after, after.nats - alone.nats) for after, alone in both]


class _Reading(NamedTuple):
    """Mean nats of a turn's answer, its tokens, and what was cut."""

    nats: float
    tokens: int
    remark: str | None


def _reading(loss: AnswerLoss, nats: float) -> _Reading | Score:
    if not loss.tokens:
        return Score.failed("the answer has no text that the model's tokenizer knows")
    return _Reading(nats, loss.tokens, loss.remark)


def _row(turns: Sequence[_Reading | Score]) -> Score:
    """The score of a row: exp of the mean over the tokens of all its turns."""
    scores = [turn if isinstance(turn, Score) else Score.ok(exp(turn.nats), turn.remark) for turn in turns]
    folded = fold(scores, "mean")
    read = [turn for turn in turns if isinstance(turn, _Reading)]
    if folded.status != "ok" or len(read) == 1:
        return folded
    nats = sum(turn.nats * turn.tokens for turn in read) / sum(turn.tokens for turn in read)
    return replace(folded, value=exp(nats))
