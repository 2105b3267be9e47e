"""Answers and losses of any vision-language model that `AutoModelForImageTextToText` loads."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from finegold.arrays import Vectors
from finegold.engines.devices import resolve_device
from finegold.errors import ModelError
from finegold.extras import quiet_transformers, require
from finegold.models.base import (
    Model,
    Sampling,
    dtype_named,
    keep_special_tokens,
    require_images,
    seeded_inference,
)
from finegold.run import file_hashes

if TYPE_CHECKING:
    import torch

_FILES = frozenset({".safetensors", ".bin", ".json", ".jinja", ".model", ".txt"})
"""Kinds of files that answers depend on: weights, settings, tokenizer and chat template."""


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
        torch = require("torch", extra="models", why=f"the model '{self.name}'")
        device = resolve_device(self._device)
        dtype = dtype_named(self._dtype, torch.bfloat16 if device.startswith("cuda") else torch.float32)
        self._processor = load_processor(self.name)
        network = load_vlm(self.name, device, dtype).eval()
        keep_special_tokens(network, self._processor.tokenizer)
        self._network = network

    def close(self) -> None:
        """Release network and processor."""
        self._network = self._processor = None

    def identity(self) -> dict[str, Any]:
        """Commit of a hub model, or hashes of the folder's files."""
        self.load()
        files = file_hashes(Path(self.name), _FILES) if Path(self.name).is_dir() else {}
        return {
            "kind": "huggingface",
            "model": self.name,
            "commit": getattr(self._network.config, "_commit_hash", None),
            "files": {name: sha256[:16] for name, sha256 in files.items()},
            "dtype": str(self._network.dtype).removeprefix("torch."),
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
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling
    ) -> list[str]:
        """Answer a batch; only BLIP-2 and InstructBLIP need an image for each prompt."""
        inputs = self.encode(images, prompts)
        with seeded_inference(sampling.seed):
            ids = self._network.generate(**inputs, **sampling.arguments())
        before = inputs["input_ids"]
        # An encoder-decoder, and some models that generate from embeddings, return the answer alone.
        if ids.shape[1] >= before.shape[1] and bool((ids[:, : before.shape[1]] == before).all()):
            ids = ids[:, before.shape[1] :]
        texts = self._processor.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def encode(self, images: Sequence[Image.Image | None], prompts: Sequence[str | None]) -> Any:
        """The network's inputs, on its device: token ids, padded for answering, mask, and pixels if any.

        Args:
            images: RGB, one a prompt; None where a prompt has none.
            prompts: Questions; None for a turn without text.

        Raises:
            ConfigError: If a prompt has no image and the model needs one.
        """
        self.load()
        if self._puts_images_in:
            require_images(self.name, images)
        texts = [
            self._render(image is not None, prompt) for image, prompt in zip(images, prompts, strict=True)
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

    def _render(self, image: bool, prompt: str | None, answer: str | None = None) -> str:
        """The text of a prompt, up to where the answer begins, or with an answer and its end."""
        if self._has_template:
            text = [] if prompt is None and image else [{"type": "text", "text": prompt or ""}]
            turns = [{"role": "user", "content": [*([{"type": "image"}] if image else []), *text]}]
            if answer is not None:
                turns.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
            rendered: str = self._processor.apply_chat_template(
                turns, add_generation_prompt=answer is None, tokenize=False
            )
            return rendered
        token = getattr(self._processor, "image_token", None)
        before = f"{token}\n" if image and token and not self._puts_images_in else ""
        end = "" if answer is None else f"{answer}{self._processor.tokenizer.eos_token or ''}"
        return before + (prompt or "") + end

    def _answer_ids(self, prompt: str | None, answer: str) -> list[int]:
        """Token ids of what follows the prompt in training: the answer and the end of its turn."""
        self.load()
        start, whole = self._render(False, prompt), self._render(False, prompt, answer)
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


def load_processor(name: str, *, chat: bool = False) -> Any:
    """Load the model's processor; its chat template renders the start token if the model expects one.

    Without torchvision, PIL processes images, and a processor of images and videos is one of images alone.

    Args:
        name: Folder or hub id.
        chat: Whether the processor must have a chat template.

    Raises:
        ModelError: If the processor does not exist, or lacks the chat template.
    """
    transformers = require("transformers", extra="models", why="a vision-language model")
    try:
        processor = _processor_class(transformers, name).from_pretrained(name, **_local(name))
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(
            f"the processor of '{name}' cannot be loaded ({_first(error)}): name offline, a folder that "
            "finegold tune wrote, or a Hugging Face vision-language model"
        ) from None
    if not hasattr(processor, "tokenizer") or not hasattr(processor, "image_processor"):
        raise ModelError(f"'{name}' has no processor for images and text: name a vision-language model")
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token or processor.tokenizer.unk_token
    if getattr(processor, "chat_template", None):
        _render_start(processor)
    elif chat:
        raise ModelError(f"the processor of '{name}' has no chat template: name an instruction-tuned model")
    return processor


def images_only(processor_class: Any) -> Any:
    """A processor class without its part for videos, which only torchvision can load."""

    class ImagesOnly(processor_class):  # type: ignore[misc]
        @classmethod
        def get_attributes(cls) -> list[str]:
            return [part for part in super().get_attributes() if part != "video_processor"]

    # The name is written to the processor's folder and read back from there.
    ImagesOnly.__name__ = processor_class.__name__
    return ImagesOnly


def _processor_class(transformers: Any, name: str) -> Any:
    """Class of the model's processor; without torchvision one that has no part for videos."""
    if find_spec("torchvision") is None:
        known: dict[str, str] = transformers.models.auto.processing_auto.PROCESSOR_MAPPING_NAMES
        try:
            kind = known.get(transformers.AutoConfig.from_pretrained(name, **_local(name)).model_type)
        except (OSError, ValueError):
            # A folder with adapters alone has no config; the processor's file names its class.
            kind = transformers.ProcessorMixin.get_processor_dict(name, **_local(name))[0].get(
                "processor_class"
            )
        found = getattr(transformers, kind or "", None)
        if found is not None and "video_processor" in found.get_attributes():
            return images_only(found)
    return transformers.AutoProcessor


def _render_start(processor: Any) -> None:
    """Put the start token into a chat template without it, such as LLaVA's.

    TRL and finegold tokenise rendered text without further tokens, because the tokenizer would add a second
    start token to the other templates.
    """
    tokenizer = processor.tokenizer
    start = tokenizer.bos_token_id
    if start is None or tokenizer("a").input_ids[:1] != [start]:
        return
    probe = [{"role": "user", "content": [{"type": "text", "text": "a"}]}]
    if not processor.apply_chat_template(probe).startswith(tokenizer.bos_token):
        processor.chat_template = "{{ bos_token }}" + processor.chat_template


def load_vlm(name: str, device: str, dtype: "torch.dtype") -> Any:
    """Load the network, in `dtype` on `device`; with adapters, the network that they were made for too.

    Raises:
        ModelError: If the network cannot be loaded, or lacks weights.
    """
    transformers = require("transformers", extra="models", why="a vision-language model")
    adapters = (Path(name) / "adapter_config.json").is_file()
    if adapters:
        require("peft", extra="tune", why="a model with low-rank adapters")
    try:
        with quiet_transformers():
            model, report = transformers.AutoModelForImageTextToText.from_pretrained(
                name, dtype=dtype, output_loading_info=True, **_local(name)
            )
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(
            f"the model '{name}' cannot be loaded ({_first(error)}): name a folder or hub id"
        ) from None
    lacking = sorted(report["missing_keys"])
    if lacking and not adapters:
        raise ModelError(
            f"the model '{name}' lacks {len(lacking)} weights, such as {lacking[0]}: copy it again"
        )
    return model.to(device)


def _local(name: str) -> dict[str, bool]:
    return {"local_files_only": True} if Path(name).is_dir() else {}


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
