"""Answers and losses of any vision-language model that `AutoModelForImageTextToText` loads."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from finegold.arrays import Vectors
from finegold.engines.devices import resolve_device
from finegold.errors import ModelError
from finegold.extras import require
from finegold.models.base import (
    GREEDY,
    Dialogue,
    Model,
    Sampling,
    batches_by_length,
    dtype_named,
    require_images,
)
from finegold.models.generation import UNFINISHED, keep_special_tokens, seeded_inference, shown_steps
from finegold.models.loading import commit_of, load_processor, load_vlm
from finegold.run import file_hashes

if TYPE_CHECKING:
    import torch

_FILES = frozenset({".safetensors", ".bin", ".json", ".jinja", ".model", ".txt"})
"""Kinds of files that answers depend on: weights, settings, tokenizer and chat template."""

_TOKENS_PER_PASS = 4096
"""Tokens after the first prompts in a forward pass: their logits over 150,000 words take 2.5 GB."""


class HuggingFaceModel(Model):
    """A Hugging Face model, with or without adapters; its chat template, if it has one, makes the prompts."""

    def __init__(self, name: str, *, device: str = "auto", dtype: str = "auto") -> None:
        """Take the settings; see `load_model`."""
        self.name = name
        self._device, self._dtype = device, dtype
        self._network: Any = None
        self._processor: Any = None

    def load(self) -> None:
        """Load network and processor.

        Raises:
            ConfigError: If the dtype or the device is unknown.
            ModelError: If they cannot be loaded.
        """
        if self._network is not None:
            return
        precision = self._precision
        self._processor = load_processor(self.name)
        network = load_vlm(self.name, resolve_device(self._device), precision).eval()
        keep_special_tokens(network, self._processor.tokenizer)
        self._network = network

    def close(self) -> None:
        """Release network and processor."""
        self._network = self._processor = None

    @property
    def _precision(self) -> "torch.dtype":
        torch = require("torch", extra="models", why=f"the model '{self.name}'")
        on_gpu = resolve_device(self._device).startswith("cuda")
        return dtype_named(self._dtype, torch.bfloat16 if on_gpu else torch.float32)

    def identity(self) -> dict[str, Any]:
        """Commit of a hub model, or hashes of the folder's files."""
        files = file_hashes(Path(self.name), _FILES) if Path(self.name).is_dir() else {}
        return {
            "kind": "huggingface",
            "model": self.name,
            "commit": commit_of(self.name),
            "files": {name: sha256[:16] for name, sha256 in files.items()},
            "dtype": str(self._precision).removeprefix("torch."),
        }

    def batch_sampling(
        self, sampling: Sampling, prompts: Sequence[str], images: Sequence[Image.Image | None]
    ) -> Sampling:
        """The sampling of one batch: its seed is mixed with the prompts and the pixels."""
        digest = hashlib.sha256(str(sampling.seed).encode())
        for prompt, image in zip(prompts, images, strict=True):
            digest.update(prompt.encode("utf-8", "surrogatepass") + b"\0")
            digest.update(b"" if image is None else image.tobytes())
        return replace(sampling, seed=int.from_bytes(digest.digest()[:6], "big"))

    def answer(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling = GREEDY
    ) -> list[str]:
        """Answer a batch; only BLIP-2 and InstructBLIP need an image for each prompt."""
        return self._answer(self.encode(images, prompts), sampling)

    def sees_turns(self) -> bool:
        """Whether the processor has a chat template."""
        self.load()
        return self._has_template

    def reply(
        self,
        image: Image.Image | None,
        earlier: Sequence[tuple[str, str]],
        prompt: str,
        sampling: Sampling,
        on_text: Callable[[str], None] | None = None,
    ) -> str:
        """Answer behind the earlier turns in the chat template; without one the question stands alone."""
        shown = earlier if self.sees_turns() else ()
        return self._answer(self._encode([image], [[*shown, (prompt, None)]]), sampling, on_text)[0]

    def _answer(
        self, inputs: Any, sampling: Sampling, on_text: Callable[[str], None] | None = None
    ) -> list[str]:
        before: list[list[int]] = inputs["input_ids"].tolist()

        def texts(rows: list[list[int]]) -> list[str]:
            # An encoder-decoder, and some models that generate from embeddings, return the answer alone.
            if all(row[: len(asked)] == asked for row, asked in zip(rows, before, strict=True)):
                rows = [row[len(asked) :] for row, asked in zip(rows, before, strict=True)]
            found = self._processor.tokenizer.batch_decode(rows, skip_special_tokens=True)
            return [text.strip() for text in found]

        watched: dict[str, Any] = {}
        if on_text is not None:
            from transformers import StoppingCriteriaList

            steps = shown_steps(lambda ids: on_text(texts([ids])[0].rstrip(UNFINISHED)))
            watched["stopping_criteria"] = StoppingCriteriaList([steps])
        with seeded_inference(sampling.seed):
            ids = self._network.generate(**inputs, **sampling.arguments(), **watched)
        return texts(ids.tolist())

    def encode(self, images: Sequence[Image.Image | None], prompts: Sequence[str | None]) -> Any:
        """The network's inputs, on its device: token ids, padded for answering, mask, and pixels if any.

        Args:
            images: RGB, one a prompt; None where a prompt has none.
            prompts: Questions; None for a turn without text.

        Raises:
            ConfigError: If a prompt has no image and the model needs one.
        """
        return self._encode(images, [[(prompt, None)] for prompt in prompts])

    def _encode(
        self,
        images: Sequence[Image.Image | None],
        dialogues: Sequence[Sequence[tuple[str | None, str | None]]],
    ) -> Any:
        """The inputs of conversations that end in a question."""
        self.load()
        if self._puts_images_in:
            require_images(self.name, images)
        texts = [
            self._render(image is not None, dialogue)
            for image, dialogue in zip(images, dialogues, strict=True)
        ]
        shown = [[] if image is None else [image] for image in images]
        inputs = self._processor(
            images=shown if any(shown) else None,
            text=texts,
            padding=True,
            # Behind the text of an encoder: BLIP-2 puts padding on the left between image and text.
            padding_side="right" if self._network.config.is_encoder_decoder else "left",
            # A chat template renders the start token: see `load_processor`.
            add_special_tokens=not self._has_template,
            return_tensors="pt",
        )
        return inputs.to(self._network.device, dtype=self._network.dtype)

    @property
    def _has_template(self) -> bool:
        return bool(getattr(self._processor, "chat_template", None))

    @property
    def _puts_images_in(self) -> bool:
        """Whether the processor puts the image tokens in by itself, as BLIP-2's does."""
        return type(self._processor).__name__.lower().startswith(("blip2", "instructblip"))

    def _render(self, image: bool, pairs: Sequence[tuple[str | None, str | None]]) -> str:
        """The text of a conversation; up to where its last answer begins if that is None."""
        if self._has_template:
            turns: list[dict[str, Any]] = []
            for prompt, answer in pairs:
                shown = [{"type": "image"}] if image and not turns else []
                text = [] if prompt is None and shown else [{"type": "text", "text": prompt or ""}]
                turns.append({"role": "user", "content": [*shown, *text]})
                if answer is not None:
                    turns.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
            rendered: str = self._processor.apply_chat_template(
                turns, add_generation_prompt=turns[-1]["role"] == "user", tokenize=False
            )
            return rendered
        token = getattr(self._processor, "image_token", None)
        before = f"{token}\n" if image and token and not self._puts_images_in else ""
        end = self._processor.tokenizer.eos_token or ""
        return before + "".join(
            (prompt or "") + ("" if answer is None else answer + end) for prompt, answer in pairs
        )

    def dialogue_losses(
        self,
        images: Sequence[Image.Image | None],
        dialogues: Sequence[Dialogue],
        *,
        mask_images: bool = False,
        max_tokens: int | None = None,
        batch_size: int = 16,
    ) -> list[list[Vectors]]:
        """Losses of every answer, a conversation being one sequence; an encoder-decoder reads pairs alone."""
        self.load()
        if self._network.config.is_encoder_decoder:
            return super().dialogue_losses(
                images, dialogues, mask_images=mask_images, max_tokens=max_tokens, batch_size=batch_size
            )
        tails = [self._pieces(dialogue, max_tokens) for dialogue in dialogues]
        ids = [[token for piece, _ in tail for token in piece] for tail in tails]
        found: list[list[Vectors]] = [[] for _ in tails]
        for rows in batches_by_length([len(one) for one in ids], batch_size, _TOKENS_PER_PASS):
            nats = self._token_losses(
                (images[row] for row in rows),
                [dialogues[row][0][0] for row in rows],
                [ids[row] for row in rows],
                mask_images,
            )
            for row, one in zip(rows, nats, strict=True):
                parts = np.split(one, np.cumsum([len(piece) for piece, _ in tails[row]])[:-1])
                found[row] = [part for part, (_, said) in zip(parts, tails[row], strict=True) if said]
        return found

    def count_tokens(self, text: str) -> int:
        """Number of tokens of a text."""
        self.load()
        return len(self._processor.tokenizer(text, add_special_tokens=False).input_ids)

    def _answer_ids(self, prompt: str | None, answer: str) -> list[int]:
        """Token ids of what follows the prompt in training: the answer and the end of its turn."""
        ((ids, _),) = self._pieces([(prompt, answer)], None)
        return ids

    def _pieces(self, dialogue: Dialogue, max_tokens: int | None) -> list[tuple[list[int], bool]]:
        """Token ids of what follows the first prompt, piece by piece, and whether each is an answer.

        An answer comes with the end of its turn; between two answers is what leads from one to the other.
        """
        self.load()
        pieces: list[tuple[list[int], bool]] = []
        text = self._render(False, [(dialogue[0][0], None)])
        for number, (prompt, answer) in enumerate(dialogue):
            if number:
                longer = self._render(False, [*dialogue[:number], (prompt, None)])
                pieces.append((self._ids_after(text, longer), False))
                text = longer
            longer = self._render(False, [*dialogue[:number], (prompt, answer)])
            pieces.append((self._ids_after(text, longer)[:max_tokens], True))
            text = longer
        return pieces

    def _ids_after(self, start: str, whole: str) -> list[int]:
        """Token ids of a text from where it differs from its start."""
        pairs = enumerate(zip(start, whole, strict=False))
        common = next((place for place, (one, other) in pairs if one != other), len(start))
        ids: list[int] = self._processor.tokenizer(whole[common:], add_special_tokens=False).input_ids
        return ids

    def _token_losses(
        self,
        images: Iterable[Image.Image | None],
        prompts: Sequence[str | None],
        answers: Sequence[list[int]],
        mask_images: bool,
    ) -> list[Vectors]:
        import torch

        inputs = self.encode(list(images), prompts)
        if mask_images:
            self._hide_images(inputs)
        tails = [torch.tensor(ids, dtype=torch.long, device=self._network.device) for ids in answers]
        with torch.inference_mode():
            logits = self._answer_logits(inputs, tails)
        return [
            torch.nn.functional.cross_entropy(scores[: len(tail)].float(), tail, reduction="none")
            .cpu()
            .numpy()
            for scores, tail in zip(logits, tails, strict=True)
        ]

    def _hide_images(self, inputs: Any) -> None:
        """Turn image tokens into padding that nothing attends to, and drop the pixels."""
        config = self._network.config
        token = getattr(config, "image_token_id", None) or getattr(self._processor, "image_token_id", None)
        if token is None:
            raise ModelError(
                f"'{self.name}' names no image token, so its images cannot be hidden: name another model"
            )
        places = inputs["input_ids"] == token
        inputs["attention_mask"] = inputs["attention_mask"].masked_fill(places, 0)
        if self._puts_images_in:
            # The network needs pixels, and their embeddings are at the masked places alone.
            return
        inputs["input_ids"] = inputs["input_ids"].masked_fill(places, self._processor.tokenizer.pad_token_id)
        for key in set(inputs) - {"input_ids", "attention_mask"}:
            del inputs[key]

    def _answer_logits(self, inputs: Any, tails: Sequence[Any]) -> Any:
        """Logits that predict the tokens of each answer, shape (n, longest answer, vocabulary)."""
        import torch

        padded = torch.nn.utils.rnn.pad_sequence(
            list(tails), batch_first=True, padding_value=self._processor.tokenizer.pad_token_id
        )
        if self._network.config.is_encoder_decoder:
            return self._network(**inputs, labels=padded).logits
        before = inputs["input_ids"]
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(tail) for tail in tails], batch_first=True)
        joined = {"input_ids": padded, "attention_mask": mask}
        whole = {
            key: torch.cat([value, joined.get(key, torch.zeros_like(padded))], 1)
            if torch.is_tensor(value) and value.shape == before.shape
            else value
            for key, value in inputs.items()
        }
        # Logits of a whole sequence are wide: where the network can, it computes the last ones alone.
        last = padded.shape[1] + 1
        takes = signature(self._network.forward).parameters
        kept = {"logits_to_keep": last} if "logits_to_keep" in takes else {}
        return self._network(**whole, **kept).logits[:, -last:-1]
