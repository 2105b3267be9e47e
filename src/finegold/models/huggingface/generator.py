"""Any Hugging Face vision-language model that `AutoModelForImageTextToText` loads."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from finegold.errors import ConfigError, ModelError
from finegold.extras import require
from finegold.models.base import Profile
from finegold.run import file_sha256

_DTYPES = ("float32", "bfloat16", "float16")
_FILES = frozenset({".safetensors", ".bin", ".json", ".jinja", ".model", ".txt"})
"""Weights, settings, tokenizer and chat template: what answers of a folder depend on."""


class HuggingFaceGenerator:
    """Answers in batches with left padding; the chat template of the processor is used where it has one.

    Of the model's own generation settings only the end, padding and start tokens are taken: a repetition
    penalty or a temperature in them would make two models answer under different rules.
    """

    blind = False

    def __init__(
        self, model: str, profile: Profile, *, seed: int = 0, device: str = "auto", dtype: str = "auto"
    ) -> None:
        """Take the settings; `generate` loads the weights.

        Args:
            model: Folder or hub id.
            profile: How tokens are chosen.
            seed: Of draws; each batch draws from a generator of its own, seeded by this and the batch.
            device: `auto`, `cpu`, `cuda`...
            dtype: `float32`, `bfloat16` or `float16`; `auto` is bfloat16 on a GPU and float32 elsewhere.
        """
        self.name = model
        self._profile = profile
        self._seed = seed
        self._device = device
        self._dtype = dtype
        self._loaded: tuple[Any, Any] | None = None

    def identity(self) -> dict[str, Any]:
        """See `Generator`: the commit of a hub model, the hashes of a folder's files."""
        config = self._load()[0].config
        folder = Path(self.name)
        files = sorted(file for file in folder.glob("*") if file.suffix in _FILES) if folder.is_dir() else []
        return {
            "kind": "huggingface",
            "model": self.name,
            "commit": getattr(config, "_commit_hash", None),
            "files": {file.name: file_sha256(file)[:16] for file in files},
            "dtype": str(self._load()[0].dtype).removeprefix("torch."),
        }

    def generate(
        self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int
    ) -> list[str]:
        """See `Generator`."""
        import torch

        model, processor = self._load()
        texts = [self._format(processor, prompt) for prompt in prompts]
        bos = processor.tokenizer.bos_token
        inputs = processor(
            images=[[image] for image in images] if _nested(processor) else list(images),
            text=texts,
            padding=True,
            # A chat template that writes the start token itself must not get a second one.
            add_special_tokens=not (bos and texts[0].startswith(bos)),
            return_tensors="pt",
        ).to(model.device, dtype=model.dtype)
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(self._batch_seed(prompts, images))
            ids = model.generate(**inputs, max_new_tokens=max_new_tokens, **self._drawing())
        prompt = inputs["input_ids"]
        # An encoder-decoder, and some models that generate from embeddings, return the answer alone.
        if ids.shape[1] >= prompt.shape[1] and bool((ids[:, : prompt.shape[1]] == prompt).all()):
            ids = ids[:, prompt.shape[1] :]
        return [text.strip() for text in processor.batch_decode(ids, skip_special_tokens=True)]

    def close(self) -> None:
        """See `Generator`."""
        self._loaded = None

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            transformers = require("transformers", extra="models", why=f"the model '{self.name}'")
            import torch

            from finegold.engines.devices import resolve_device
            from finegold.models.huggingface.loading import load_model

            device = resolve_device(self._device)
            dtype = "float32" if self._dtype == "auto" and not device.startswith("cuda") else self._dtype
            dtype = "bfloat16" if dtype == "auto" else dtype
            if dtype not in _DTYPES:
                raise ConfigError(f"the dtype is '{dtype}', expected auto or one of {', '.join(_DTYPES)}")
            model = load_model(self.name, device, getattr(torch, dtype)).eval()
            try:
                processor = transformers.AutoProcessor.from_pretrained(self.name)
            except (OSError, ValueError, KeyError, ImportError) as error:
                reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                raise ModelError(
                    f"the processor of '{self.name}' cannot be loaded ({reason}): give a folder or a hub "
                    "id of an image-text model"
                ) from error
            tokenizer = getattr(processor, "tokenizer", None)
            if tokenizer is None:
                raise ModelError(
                    f"the processor of '{self.name}' has no tokenizer: it is no image-text model"
                )
            tokenizer.padding_side = "left"
            if tokenizer.pad_token_id is None:
                tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
            _keep_token_ids_only(model, tokenizer)
            self._loaded = model, processor
        return self._loaded

    @staticmethod
    def _format(processor: Any, prompt: str) -> str:
        if getattr(processor, "chat_template", None):
            content = [{"type": "image"}, {"type": "text", "text": prompt}]
            text: str = processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
            )
            return text
        # BLIP-2 and its kin put the image tokens in by themselves.
        token = getattr(processor, "image_token", None) if _has_placeholder(processor) else None
        return f"{token}\n{prompt}" if token else prompt

    def _drawing(self) -> dict[str, Any]:
        if not self._profile.temperature:
            return {"do_sample": False}
        return {
            "do_sample": True,
            "temperature": self._profile.temperature,
            "top_p": self._profile.top_p,
            "top_k": 0,
        }

    def _batch_seed(self, prompts: Sequence[str], images: Sequence[Image.Image]) -> int:
        digest = hashlib.sha256(str(self._seed).encode())
        for prompt, image in zip(prompts, images, strict=True):
            digest.update(prompt.encode("utf-8", "surrogatepass") + b"\0" + image.tobytes())
        return int.from_bytes(digest.digest()[:6], "big")


def _keep_token_ids_only(model: Any, tokenizer: Any) -> None:
    """Replace the checkpoint's generation settings: what a call leaves open would come from them."""
    from transformers import GenerationConfig

    own = model.generation_config
    model.generation_config = GenerationConfig(
        eos_token_id=own.eos_token_id if own.eos_token_id is not None else tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id if own.pad_token_id is None else own.pad_token_id,
        bos_token_id=own.bos_token_id,
        decoder_start_token_id=own.decoder_start_token_id,
    )


def _has_placeholder(processor: Any) -> bool:
    return not type(processor).__name__.lower().startswith(("blip2", "instructblip"))


def _nested(processor: Any) -> bool:
    """Whether the processor wants a list of images a text."""
    return type(processor).__name__.lower().startswith(("idefics", "smolvlm", "mllama"))
