"""A server that computes log-probabilities of prompts from a tiny model, as vLLM does."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image
from tests.llm.server import Answer, Ask

from finegold.models.loading import load_processor


class ServedModel:
    """A script for `FakeServer` that reads each conversation whole, by the model's own chat template."""

    def __init__(self, folder: Path) -> None:
        self.processor = load_processor(str(folder))
        self.network = transformers.AutoModelForImageTextToText.from_pretrained(folder).eval()

    def __call__(self, ask: Ask) -> Answer:
        ids, nats = self.prompt(ask.body)
        listed = [
            {str(i): {"logprob": n, "rank": 1, "decoded_token": "x"}} for i, n in zip(ids, nats, strict=True)
        ]
        body = {
            "model": "tiny",
            "choices": [
                {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "a"}}
            ],
            "usage": {"prompt_tokens": len(ids), "completion_tokens": 1},
            "prompt_logprobs": [None, *listed[1:]],
        }
        return Answer(json.dumps(body).encode(), bills=True)

    def prompt(self, body: dict[str, Any]) -> tuple[list[int], list[float]]:
        """Ids of the prompt's tokens and the log-probability of each, 0 for the first."""
        images: list[Image.Image] = []
        messages: list[dict[str, Any]] = []
        for message in body["messages"]:
            content = message["content"]
            text = [{"type": "text", "text": content}]
            parts: list[dict[str, Any]] = text if isinstance(content, str) else content
            for part in parts:
                if part["type"] == "image_url":
                    data = part["image_url"]["url"].partition("base64,")[2]
                    images.append(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
            shown = [{"type": "image"} if part["type"] == "image_url" else part for part in parts]
            messages.append({"role": message["role"], "content": shown})
        whole = self.processor.apply_chat_template(
            messages, add_generation_prompt=body["add_generation_prompt"], tokenize=False
        )
        inputs = self.processor(
            images=images or None, text=[whole], return_tensors="pt", add_special_tokens=False
        )
        ids = inputs["input_ids"][0]
        with torch.inference_mode():
            nats = self.network(**inputs).logits[0, :-1].float().log_softmax(-1)
        return ids.tolist(), [0.0, *nats.gather(1, ids[1:, None])[:, 0].tolist()]
