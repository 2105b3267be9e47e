"""Asking a Hugging Face vision-language model."""

from collections.abc import Sequence
from typing import Any

from PIL import Image

from finegold.engines.devices import resolve_device
from finegold.models.huggingface.loading import load_model, load_processor
from finegold.models.prefix.answering import Sampling, decode_plainly


class HuggingFaceAnswerer:
    """Answers with any model that `load_model` loads, adapters included; images are optional."""

    def __init__(self, name: str, *, device: str = "auto") -> None:
        """Load the model: bfloat16 on a GPU, float32 elsewhere.

        Raises:
            ModelError: If it cannot be loaded.
        """
        import torch

        self._device = resolve_device(device)
        self._processor = load_processor(name)
        dtype = torch.bfloat16 if self._device.startswith("cuda") else torch.float32
        self._model = load_model(name, self._device, dtype).eval()
        decode_plainly(self._model)

    def answer(
        self, images: Sequence[Image.Image | None], questions: Sequence[str], sampling: Sampling
    ) -> list[str]:
        """One answer a question, by the processor's chat template."""
        import torch

        inputs = self.encode(images, questions).to(self._device)
        torch.manual_seed(sampling.seed)
        tokenizer = self._processor.tokenizer
        with torch.inference_mode():
            ids = self._model.generate(**inputs, pad_token_id=tokenizer.pad_token_id, **sampling.arguments())
        told = ids[:, inputs["input_ids"].shape[1] :]
        return [text.strip() for text in tokenizer.batch_decode(told, skip_special_tokens=True)]

    def encode(self, images: Sequence[Image.Image | None], questions: Sequence[str]) -> Any:
        """The model's inputs: token ids, padded on the left, mask, and pixels if there is an image."""
        prompts, shown = [], []
        for image, question in zip(images, questions, strict=True):
            parts = [] if image is None else [{"type": "image"}]
            message = {"role": "user", "content": [*parts, {"type": "text", "text": question}]}
            prompts.append(self._processor.apply_chat_template([message], add_generation_prompt=True))
            shown.append([] if image is None else [image])
        return self._processor(
            images=shown if any(shown) else None,
            text=prompts,
            padding=True,
            padding_side="left",
            # The template has the start token: see `load_processor`.
            add_special_tokens=False,
            return_tensors="pt",
        )
