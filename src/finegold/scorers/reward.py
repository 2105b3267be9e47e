"""The reward that a model gives to the answer after the instruction.

Any sequence-classification model from Hugging Face; the score is its first logit for the pair
(instruction, answer), as in InstructionGPT-4 (arXiv 2308.12067) with
OpenAssistant/reward-model-deberta-v3-large-v2.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from finegold.errors import ModelError
from finegold.samples import Pair
from finegold.scorers.base import ABOVE_0, Context, Score, ScoreBatch, Scorer, no_answer, score_pairs
from finegold.scorers.registry import SCORERS
from finegold.scorers.text_models import in_buckets, load_pretrained, pretrained_identity

DEFAULT_MODEL = "OpenAssistant/reward-model-deberta-v3-large-v2"
_TOKENS_PER_PASS = {"cpu": 2048, "cuda": 16384}


@SCORERS.register("reward")
@dataclass(frozen=True)
class Reward(Scorer):
    """First logit of a reward model, unbounded, higher is better, rounded to 4 decimals; no image is read.

    A row with several turns has the mean of its (question, answer) pairs.

    Attributes:
        model: Hub id or folder of a sequence-classification model.
        revision: Branch, tag or commit of a hub id.
        max_tokens: Longest pair; a longer one loses its end, of the longer text first, and a remark says so.
            The model's own limit counts where it is lower.
    """

    name = "reward"
    version = "2"
    requires = frozenset({"instruction", "answer"})
    by_turn = True
    automatic = False

    model: str = DEFAULT_MODEL
    revision: str | None = None
    max_tokens: int = field(default=512, metadata=ABOVE_0)

    def identity(self, context: Context) -> dict[str, Any]:
        """What the numbers depend on besides the parameters: the model's weights."""
        return pretrained_identity("reward model", self.model, self.revision)

    def prepare(self, context: Context) -> ScoreBatch:
        """Load the model; a row without an answer is skipped."""
        model = load_reward_model(self.model, self.revision, context.device)

        def score(pairs: Sequence[Pair]) -> list[Score]:
            return model.rewards(pairs, self.max_tokens)

        return lambda batch: score_pairs(batch.samples, score, "mean", no_answer)


class RewardModel:
    """A tokenizer and a sequence-classification model of `transformers`, in evaluation mode."""

    def __init__(self, tokenizer: Any, model: Any) -> None:
        self._tokenizer = tokenizer
        self._model = model
        # Relative positions (DeBERTa) still come with the length that the model was trained at.
        limits = tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)
        self._limit = min([int(limit) for limit in limits if limit], default=512)

    def rewards(self, pairs: Sequence[tuple[str, str]], max_tokens: int) -> list[Score]:
        """First logit of each (instruction, answer), in order; none depends on another pair."""
        limit = min(max_tokens, self._limit)
        whole = [self._tokenize(pair) for pair in pairs]
        lengths = [len(tokens["input_ids"]) for tokens in whole]
        cut = [
            tokens if length <= limit else self._tokenize(pair, truncation=True, max_length=limit)
            for pair, tokens, length in zip(pairs, whole, lengths, strict=True)
        ]
        logits = in_buckets(
            [len(tokens["input_ids"]) for tokens in cut],
            _TOKENS_PER_PASS.get(self._model.device.type, 2048),
            lambda rows: self._forward([cut[row] for row in rows]),
        )
        return [
            Score.ok(round(logit, 4), f"cut to {limit} of {length} tokens" if length > limit else None)
            for logit, length in zip(logits, lengths, strict=True)
        ]

    def _tokenize(self, pair: tuple[str, str], **cut: Any) -> Any:
        return self._tokenizer(*pair, split_special_tokens=True, verbose=False, **cut)

    def _forward(self, rows: Sequence[Any]) -> list[float]:
        import torch

        batch = self._tokenizer.pad(rows, return_tensors="pt").to(self._model.device)
        with torch.inference_mode():
            logits = self._model(**batch).logits
        first: list[float] = logits[:, 0].float().cpu().tolist()
        return first


@cache
def load_reward_model(model: str, revision: str | None, device: str) -> RewardModel:
    """Load a reward model in float32, once a process; see `load_pretrained` for other errors.

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
