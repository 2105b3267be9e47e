"""`reward`: what a reward model makes of the answer to the instruction.

Any sequence-classification model from Hugging Face; the score is its first logit for the pair
(instruction, answer), as in InstructionGPT-4 (arXiv 2308.12067) with
OpenAssistant/reward-model-deberta-v3-large-v2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from finegold.errors import ModelError
from finegold.scorers.base import Batch, Context, Score, ScoreBatch, Scorer
from finegold.scorers.registry import SCORERS
from finegold.scorers.text_models import length_buckets, load_pretrained, pretrained_identity

DEFAULT_MODEL = "OpenAssistant/reward-model-deberta-v3-large-v2"
_TOKENS_PER_PASS = {"cpu": 2048, "cuda": 16384}


@SCORERS.register("reward")
@dataclass(frozen=True)
class Reward(Scorer):
    """First logit of a reward model, unbounded, higher is better, rounded to 4 decimals; no image is read.

    Attributes:
        model: Hub id or folder of a sequence-classification model.
        revision: Branch, tag or commit of a hub id.
        max_tokens: Longest pair; a longer one loses its end, of the longer text first, and a remark says so.
            The model's own limit counts where it is lower.
    """

    name = "reward"
    version = "1"
    requires = frozenset({"instruction", "answer"})
    automatic = False

    model: str = DEFAULT_MODEL
    revision: str | None = None
    max_tokens: int = 512

    def identity(self, context: Context) -> dict[str, Any]:
        """What the numbers depend on besides the parameters: the model's weights."""
        return pretrained_identity("reward model", self.model, self.revision)

    def prepare(self, context: Context) -> ScoreBatch:
        """Load the model; a row without an answer is skipped."""
        model = load_reward_model(self.model, self.revision, context.device)

        def score(batch: Batch) -> list[Score]:
            scores = [Score.skipped("the row has no answer")] * len(batch.samples)
            rows = [row for row, sample in enumerate(batch.samples) if sample.answer.strip()]
            pairs = [(batch.samples[row].instruction, batch.samples[row].answer) for row in rows]
            for row, found in zip(rows, model.rewards(pairs, self.max_tokens), strict=True):
                scores[row] = found
            return scores

        return score


class RewardModel:
    """A tokenizer and a sequence-classification model."""

    def __init__(self, tokenizer: Any, model: Any) -> None:
        """Wrap a `transformers` tokenizer and model, the model in evaluation mode."""
        self._tokenizer = tokenizer
        self._model = model
        self._device = model.device

    def rewards(self, pairs: Sequence[tuple[str, str]], max_tokens: int) -> list[Score]:
        """First logit of each (instruction, answer), in order; none depends on another pair."""
        limit = min(max_tokens, self._limit())
        whole = [self._tokenize(pair, None) for pair in pairs]
        cut = [
            tokens if _length(tokens) <= limit else self._tokenize(pair, limit)
            for pair, tokens in zip(pairs, whole, strict=True)
        ]
        logits = [0.0] * len(pairs)
        budget = _TOKENS_PER_PASS.get(self._device.type, 2048)
        for rows in length_buckets([_length(tokens) for tokens in cut], budget):
            for row, logit in zip(rows, self._forward([cut[row] for row in rows]), strict=True):
                logits[row] = logit
        return [
            Score.ok(
                round(logit, 4),
                f"cut to {limit} of {_length(tokens)} tokens" if _length(tokens) > limit else None,
            )
            for logit, tokens in zip(logits, whole, strict=True)
        ]

    def _limit(self) -> int:
        # Relative positions (DeBERTa) still come with the length that the model was trained at.
        limits = [
            self._tokenizer.model_max_length,
            getattr(self._model.config, "max_position_embeddings", None),
        ]
        return min([int(limit) for limit in limits if limit], default=512)

    def _tokenize(self, pair: tuple[str, str], limit: int | None) -> Any:
        return self._tokenizer(
            *pair, truncation=limit is not None, max_length=limit, split_special_tokens=True, verbose=False
        )

    def _forward(self, rows: Sequence[Any]) -> list[float]:
        import torch

        batch = self._tokenizer.pad(rows, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            logits = self._model(**batch).logits
        first: list[float] = logits[:, 0].float().cpu().tolist()
        return first


def _length(tokens: Any) -> int:
    return len(tokens["input_ids"])


@cache
def load_reward_model(model: str, revision: str | None, device: str) -> RewardModel:
    """A reward model in float32, loaded once a process; errors as of `load_pretrained`.

    Raises:
        ModelError: If the model cannot be loaded, or has no trained head to score with.
    """
    tokenizer, network, missing = load_pretrained("reward model", model, revision, device=device)
    if missing:
        raise ModelError(
            f"the reward model '{model}' lacks trained weights for {missing[0]}, which would be random: "
            "give a model that was trained for sequence classification"
        )
    return RewardModel(tokenizer, network)
