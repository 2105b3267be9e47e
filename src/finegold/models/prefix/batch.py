"""A batch of a projected-prefix model: token ids, places for the image, labels on the answers, attention."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finegold.models.prefix.template import PromptTokens

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""Label of a place without loss."""


@dataclass(frozen=True, slots=True)
class PrefixBatch:
    """Token ids and what belongs to them, all of shape (n, length), padded on one side.

    Attributes:
        input_ids: The id at an image place is the padding's and is replaced by an image embedding.
        image_places: True where an image embedding goes; the same number in each row.
        labels: The answer's ids, `IGNORED` elsewhere; the model shifts them.
        attention_mask: 1 on everything but padding.
    """

    input_ids: "torch.Tensor"
    image_places: "torch.Tensor"
    labels: "torch.Tensor"
    attention_mask: "torch.Tensor"

    @property
    def answer_tokens(self) -> int:
        """Number of tokens with loss."""
        return int((self.labels != IGNORED).sum())


def collate(
    prompts: Sequence[PromptTokens],
    answers: Sequence[list[int]],
    *,
    image_tokens: int,
    padding: int,
    left: bool = False,
) -> PrefixBatch:
    """Lay out prompts, image places and answers.

    Args:
        prompts: One a row.
        answers: One a row; empty ones to generate from.
        image_tokens: Embeddings an image has.
        padding: Token id of padding. It is found again by place, not by id, so an answer may contain it.
        left: Pad on the left, which generation needs; training pads behind the answer.
    """
    import torch

    lengths = [
        len(p.before) + image_tokens + len(p.after) + len(a) for p, a in zip(prompts, answers, strict=True)
    ]
    shape = (len(prompts), max(lengths))
    ids = torch.full(shape, padding)
    places = torch.zeros(shape, dtype=torch.bool)
    labels = torch.full(shape, IGNORED)
    attention = torch.zeros(shape, dtype=torch.long)
    for row, (prompt, answer, length) in enumerate(zip(prompts, answers, lengths, strict=True)):
        start = shape[1] - length if left else 0
        image = start + len(prompt.before)
        after = image + image_tokens
        told = after + len(prompt.after)
        end = start + length
        ids[row, start:image] = torch.tensor(prompt.before)
        ids[row, after:told] = torch.tensor(prompt.after, dtype=torch.long)
        ids[row, told:end] = torch.tensor(answer, dtype=torch.long)
        labels[row, told:end] = ids[row, told:end]
        places[row, image:after] = True
        attention[row, start:end] = 1
    return PrefixBatch(ids, places, labels, attention)
