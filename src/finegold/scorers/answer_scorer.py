"""What `perplexity` and `ifd` share: the causal language model that they read answers with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from finegold.offline import smollm2
from finegold.scorers.base import Column
from finegold.scorers.causal_lm import AnswerLoss, Dtype, causal_lm_identity, load_causal_lm
from finegold.scorers.registry import NOT_IN_FINGERPRINT

NO_TOKENS = "the answer has no text that the model's tokenizer knows"
"""Why an answer of no tokens fails."""


@dataclass(frozen=True, slots=True)
class AnswerScorer:
    """Parameters of a scorer that measures answers with a causal language model.

    Attributes:
        model: `smollm2`, or hub id or folder of a causal model.
        revision: Branch, tag or commit of a hub id.
        max_tokens: Instruction and answer are each cut to so many tokens, with a remark.
        dtype: `bfloat16` halves time and memory where the processor has it, and rounds the third digit.
        device: `auto`, `cpu`, `cuda`; changes no number beyond rounding.
    """

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

    def losses(self, pairs: Sequence[tuple[str | None, str]]) -> list[AnswerLoss]:
        """Loss of each answer after its instruction, or after nothing; see `CausalLm.answer_losses`."""
        model = load_causal_lm(self.model, self.revision, self.dtype, self.device)
        return model.answer_losses(pairs, self.max_tokens)
