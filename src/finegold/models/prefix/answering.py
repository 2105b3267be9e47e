"""Answering questions about images: what any tuned model can do, and how projected-prefix models do it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from finegold.errors import ConfigError
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.template import end_ids

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen.

    Attributes:
        longest: New tokens at most.
        temperature: 0 takes the likeliest token each time; more draws.
        top_p: When drawing, from the likeliest tokens that together have this probability.
        seed: Of the draws.
    """

    longest: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.longest < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ConfigError(
                f"{self} makes no sense, expected longest >= 1, temperature >= 0 and top_p above 0 and "
                "at most 1"
            )

    def arguments(self) -> dict[str, Any]:
        """For `generate` of transformers."""
        drawn = {"temperature": self.temperature, "top_p": self.top_p, "top_k": 0} if self.temperature else {}
        return {"max_new_tokens": self.longest, "do_sample": bool(self.temperature), "num_beams": 1, **drawn}


_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")


def decode_plainly(model: Any) -> None:
    """Keep of a checkpoint's own generation settings the special tokens alone.

    The others, such as a repetition penalty, would change greedy answers without a word.
    """
    from transformers import GenerationConfig

    own = model.generation_config
    model.generation_config = GenerationConfig(**{name: getattr(own, name, None) for name in _TOKENS})


class Answerer(Protocol):
    """A model that answers questions about images."""

    def answer(
        self, images: Sequence[Image.Image | None], questions: Sequence[str], sampling: Sampling
    ) -> list[str]:
        """One answer a question, stripped; draws depend on the seed and on the batch."""


class PrefixAnswerer:
    """Answers with a projected-prefix model; each question needs an image."""

    def __init__(self, model: PrefixNetwork) -> None:
        self._model = model
        self._ends = end_ids(model.tokenizer, model.template)
        decode_plainly(model.language_model)

    def answer(
        self, images: Sequence[Image.Image | None], questions: Sequence[str], sampling: Sampling
    ) -> list[str]:
        """See `Answerer`.

        Raises:
            ConfigError: If a question has no image.
        """
        shown = [image for image in images if image is not None]
        if len(shown) != len(images):
            raise ConfigError(
                "this model answers about an image and a question came without one: give --image"
            )
        return self.answer_features(self._model.features.encode(shown), questions, sampling)

    def answer_features(
        self, features: "torch.Tensor", questions: Sequence[str], sampling: Sampling
    ) -> list[str]:
        """Answer about images whose features, shape (n, t, w), are known already."""
        import torch
        from transformers import StoppingCriteriaList

        model = self._model
        batch = model.chat_batch(questions)
        torch.manual_seed(sampling.seed)
        with torch.inference_mode():
            ids = model.language_model.generate(
                inputs_embeds=model.embed(batch, features.to(model.device)),
                attention_mask=batch.attention_mask,
                stopping_criteria=StoppingCriteriaList([_EndsWith(self._ends)]),
                pad_token_id=model.tokenizer.pad_token_id,
                **sampling.arguments(),
            )
        texts = model.tokenizer.batch_decode(
            [_before_end(row, [*self._ends, [model.tokenizer.eos_token_id]]) for row in ids.tolist()],
            skip_special_tokens=True,
        )
        return [text.strip() for text in texts]


class _EndsWith:
    """Stops each row of a batch when it ends with one of the token sequences."""

    def __init__(self, ends: list[list[int]]) -> None:
        self._ends = ends

    def __call__(self, input_ids: "torch.Tensor", _scores: Any, **_kwargs: Any) -> "torch.Tensor":
        import torch

        done = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
        for end in self._ends:
            if input_ids.shape[1] >= len(end):
                tail = torch.tensor(end, device=input_ids.device)
                done |= (input_ids[:, -len(end) :] == tail).all(1)
        return done


def _before_end(ids: list[int], ends: list[list[int]]) -> list[int]:
    for at in range(len(ids)):
        if any(ids[at : at + len(end)] == end for end in ends):
            return ids[:at]
    return ids
