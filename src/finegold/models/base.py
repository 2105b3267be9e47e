"""The interface of all models: answers to questions about images, and losses of given answers."""

import hashlib
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from PIL import Image

from finegold.arrays import Vectors
from finegold.errors import ConfigError, ModelError
from finegold.run.cards import FieldCard, card
from finegold.samples import Exclusion

if TYPE_CHECKING:
    import torch


Dialogue: TypeAlias = Sequence[tuple[str | None, str]]
"""Questions, None for a turn without text, and the answers to them, oldest first."""


@dataclass(frozen=True, slots=True)
class Sampling(FieldCard):
    """Settings of choosing the tokens of an answer.

    Attributes:
        max_new_tokens: Number of tokens at which an answer is cut, at least 1.
        temperature: 0 takes the likeliest token each time; above 0 each token is drawn.
        top_p: Tokens are drawn from the likeliest ones that together have this probability, in (0, 1].
        seed: Seed of the draws.
        top_k: Tokens are drawn from this number of likeliest ones; 0 for all.

    Raises:
        ConfigError: If a value is out of range.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    top_k: int = 0

    def __post_init__(self) -> None:
        drawn = 0 <= self.temperature < math.inf and 0 < self.top_p <= 1 and self.top_k >= 0
        if self.max_new_tokens < 1 or not drawn:
            raise ConfigError(
                f"{self} is out of range, expected max_new_tokens >= 1, temperature >= 0, top_p above 0 "
                "and at most 1, and top_k >= 0"
            )

    def for_batch(self, parts: Sequence[str]) -> "Sampling":
        """This sampling with a seed that is mixed from its seed and the parts that identify a batch.

        The draws of a batch depend on its content and not on what ran before.
        """
        text = "\0".join((str(self.seed), *parts))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return replace(self, seed=int.from_bytes(digest[:6], "big"))

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for `generate` of transformers."""
        drawn: dict[str, float] = {}
        if self.temperature:
            drawn = {"temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k}
        return {"max_new_tokens": self.max_new_tokens, "do_sample": bool(drawn), "num_beams": 1, **drawn}


GREEDY = Sampling()
"""The likeliest token each time, 256 at most."""


class NoLosses(Exception):
    """One row has no losses; the message is the reason. Other rows may have some."""


class Model(ABC):
    """A model with a name. Its weights are loaded when they are first needed.

    Attributes:
        name: Name that the user gave; for tables, messages and answer files.
        blind: Whether the model answers without looking, so that images are neither needed nor read.
        again: Loads the model in another process, `again(device=...)`; None if it stays in this one.
    """

    name: str
    blind: bool = False
    again: "Callable[..., Model] | None" = None

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """All that the answers depend on, JSON-able; answers of two identities are never mixed."""

    @abstractmethod
    def answer(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling = GREEDY
    ) -> Sequence[str | Exclusion]:
        """Answer each prompt, in order, or give an Exclusion with the reason why there is no answer.

        Args:
            images: RGB, one a prompt, None where a prompt has no image; may be empty for a blind model.
            prompts: Questions without image placeholders or chat format.
            sampling: How tokens are chosen. Draws depend on its seed and on the batch, on nothing else.

        Returns:
            The answers without the prompts, stripped.

        Raises:
            ConfigError: If the model cannot answer without an image, or cannot draw with a seed.
            ModelError: If the weights cannot be loaded.
        """

    def sees_turns(self) -> bool:
        """Whether the model can be shown the turns before a question; the weights may be loaded for it."""
        return False

    def reply(
        self,
        image: Image.Image | None,
        earlier: Sequence[tuple[str, str]],
        prompt: str,
        sampling: Sampling,
        on_text: Callable[[str], None] | None = None,
    ) -> str | Exclusion:
        """Answer a question in a conversation about an image, which its first turn shows.

        Args:
            image: RGB, or None.
            earlier: Questions and answers of the turns before; not shown where `sees_turns` is false.
            prompt: The question.
            sampling: As for `answer`.
            on_text: Called with the answer so far while it grows, by models that give it token by token.

        Returns:
            As `answer`.
        """
        del earlier, on_text
        return self.answer([image], [prompt], sampling)[0]

    def losses(
        self,
        images: Sequence[Image.Image | None],
        prompts: Sequence[str | None],
        answers: Sequence[str],
        *,
        mask_images: bool = False,
        max_tokens: int | None = None,
        batch_size: int = 16,
    ) -> list[Vectors]:
        """Compute the negative log likelihood of each token of given answers, end symbol included.

        The form of a sequence is that of training: one turn with the image and the question, then the
        answer, which is tokenised apart from its prompt. Only the answer's tokens have a loss.

        - `mask_images` keeps the form and hides the images, as VisNec does (arXiv 2603.01195): the image
          tokens become padding and are masked out of attention, all other tokens stay at their places.
        - Where an image is None, a Hugging Face model gets a prompt without image tokens; a
          projected-prefix model, whose prompts have a fixed number of image places, gets them masked.
        - Where a prompt is None, the turn holds no text.

        Args:
            images: RGB, one an answer. They are taken batch by batch, so a lazy sequence may decode them.
            prompts: Questions without image placeholders or chat format.
            answers: Texts whose likelihood is computed.
            mask_images: Whether to hide the images.
            max_tokens: Number of tokens at which an answer is cut, end symbol included; None cuts nothing.
            batch_size: Answers in a forward pass; answers of like length share one.

        Returns:
            For each answer an array of nats, one a token, shape (tokens,), float32.

        Raises:
            ModelError: If the model computes no losses.
        """
        ids = [self._answer_ids(p, a)[:max_tokens] for p, a in zip(prompts, answers, strict=True)]
        found: list[Vectors] = [np.empty(0, np.float32)] * len(ids)
        for rows in batches_by_length([len(one) for one in ids], batch_size):
            nats = self._token_losses(
                (images[row] for row in rows),
                [prompts[row] for row in rows],
                [ids[row] for row in rows],
                mask_images,
            )
            for row, one in zip(rows, nats, strict=True):
                found[row] = one
        return found

    def dialogue_losses(
        self,
        images: Sequence[Image.Image | None],
        dialogues: Sequence[Dialogue],
        *,
        mask_images: bool = False,
        max_tokens: int | None = None,
        batch_size: int = 16,
    ) -> list[list[Vectors]]:
        """Compute the losses of every answer of conversations, each after the turns before it.

        A Hugging Face decoder reads a conversation as one sequence in the form of its chat template, the
        image in the first turn. Models whose format has one turn read each (question, answer) pair alone.

        Args:
            images: RGB, one a conversation, shown in its first turn or with each pair; None for none.
            dialogues: The (question, answer) pairs of each conversation, at least one; None for no question.
            mask_images: As for `losses`.
            max_tokens: Number of tokens at which each answer is cut; None cuts nothing.
            batch_size: Sequences in a forward pass, fewer where they are long.

        Returns:
            For each conversation, for each of its answers, an array of nats as `losses` gives it.

        Raises:
            ModelError: If the model computes no losses.
        """
        owners = [row for row, dialogue in enumerate(dialogues) for _ in dialogue]
        pairs = [pair for dialogue in dialogues for pair in dialogue]
        found = iter(
            self.losses(
                [images[row] for row in owners],
                [question for question, _ in pairs],
                [answer for _, answer in pairs],
                mask_images=mask_images,
                max_tokens=max_tokens,
                batch_size=batch_size,
            )
        )
        return [[next(found) for _ in dialogue] for dialogue in dialogues]

    def preferences(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], words: tuple[str, str]
    ) -> list[float]:
        """Compute the probability of the first of two answers against the second, for each prompt.

        Args:
            images: RGB, one a prompt, or None.
            prompts: Questions without image placeholders or chat format.
            words: The two answers; each counts as a whole, the end of its turn included.

        Returns:
            P(first) / (P(first) + P(second)), 0 to 1.

        Raises:
            ModelError: If the model computes no losses.
        """
        losses = self.losses(
            [image for image in images for _ in words],
            [prompt for prompt in prompts for _ in words],
            [word for _ in prompts for word in words],
        )
        nats = [float(one.sum()) for one in losses]
        return [
            1 / (1 + math.exp(min(first - second, 700.0)))
            for first, second in zip(nats[::2], nats[1::2], strict=True)
        ]

    def check_losses(self) -> None:
        """Raise ModelError if it is known without a call that the model computes no losses."""
        self.count_tokens("a")

    def count_tokens(self, text: str) -> int:
        """Number of tokens of a text, no special ones added; where in an answer's losses a sentence ends.

        Raises:
            ModelError: If the model computes no losses.
        """
        return len(self._answer_ids(None, text))

    def _answer_ids(self, prompt: str | None, answer: str) -> list[int]:  # noqa: ARG002 (for models with losses)
        """Token ids of an answer and its end symbol."""
        raise ModelError(
            f"'{self.name}' gives answers and no losses: name offline, a tuned folder or a Hugging Face model"
        )

    def _token_losses(
        self,
        images: Iterable[Image.Image | None],
        prompts: Sequence[str | None],
        answers: Sequence[list[int]],
        mask_images: bool,
    ) -> Sequence[Vectors]:
        """Losses of one batch of answers, whose token ids `_answer_ids` made."""
        raise NotImplementedError

    def batch_sampling(
        self, sampling: Sampling, prompts: Sequence[str], images: Sequence[Image.Image | None]
    ) -> Sampling:
        """The sampling of one batch: the seed is mixed with the content that tells the batch from others."""
        del images
        return sampling.for_batch(prompts)

    def use_template(self, name: str | None) -> None:  # noqa: B027 (most models have one chat format)
        """Put questions in the template of a name if it is a version of the model's; None keeps its own."""

    def check_sampling(self, sampling: Sampling) -> None:  # noqa: B027 (most models take any sampling)
        """Raise ConfigError if the model cannot sample in this way."""

    def load(self) -> None:  # noqa: B027 (some models have no weights)
        """Load the weights now instead of at the first call that needs them."""

    def close(self) -> None:  # noqa: B027 (some models hold nothing)
        """Release weights and connections; the model is not used afterwards."""

    def _repr_html_(self) -> str:
        # Not the identity, which may hash gigabytes of weights or ask the hub.
        return card(self.name, {"model": type(self).__name__})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def require_images(name: str, images: Sequence[Image.Image | None]) -> list[Image.Image]:
    """The images of a model's prompts.

    Raises:
        ConfigError: If one is None.
    """
    shown = [image for image in images if image is not None]
    if len(shown) != len(images):
        raise ConfigError(f"'{name}' answers about an image and a question came without one: give --image")
    return shown


def batches_by_length(
    lengths: Sequence[int], batch_size: int, most_tokens: int | None = None
) -> Iterator[list[int]]:
    """Yield batches of row numbers, rows of like length together, so that little is padding.

    Args:
        lengths: Tokens of each row.
        batch_size: Most rows of a batch.
        most_tokens: Most tokens of a batch of several rows, padding counted; None for no limit.
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        full = most_tokens is not None and (len(batch) + 1) * lengths[row] > most_tokens
        if batch and (full or len(batch) == batch_size):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def located(name: str) -> str:
    """A folder as an absolute path, so that it is found from every working directory; a hub id as it is."""
    return os.path.abspath(name) if Path(name).is_dir() else name  # noqa: PTH100 (links stay as they are)


def dtype_named(name: str, automatic: "torch.dtype") -> "torch.dtype":
    """The precision of a name; `auto` stands for `automatic`.

    Raises:
        ConfigError: If the name is unknown.
    """
    import torch

    names = ("float32", "bfloat16", "float16")
    if name not in ("auto", *names):
        raise ConfigError(f"the dtype is '{name}', expected auto or one of {', '.join(names)}")
    return automatic if name == "auto" else getattr(torch, name)
