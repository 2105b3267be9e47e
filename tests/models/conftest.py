"""Tiny models of the real classes, made here: no weights are needed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from finegold.models.generation import keep_special_tokens
from finegold.models.prefix.model import PrefixModel
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.template import Template, template_named

# The pieces that the prompts need, with LLaMA's ids where these are known; others have ids of our own.
KNOWN = {
    0: "<unk>",
    1: "<s>",
    2: "</s>",
    529: "▁<",
    835: "▁###",
    2277: "##",
    3997: "$$",
    7889: "uman",
    25518: "Img",
    29871: "▁",
    29901: ":",
    29937: "#",
    29950: "H",
    29958: ">",
}
OTHER = [
    *("▁</", "Ass", "istant", ".", "?"),
    *(
        "▁Desc",
        "ribe",
        "▁this",
        "▁image",
        "▁in",
        "▁detail",
        "▁a",
        "▁Take",
        "▁look",
        "▁at",
        "▁and",
        "▁describe",
    ),
    *(
        "▁what",
        "▁you",
        "▁notice",
        "▁Please",
        "▁provide",
        "▁detailed",
        "▁description",
        "▁of",
        "▁the",
        "▁picture",
    ),
    *("▁Could", "▁contents", "▁for", "▁me", "▁dog", "▁runs", "▁cat", "▁sleeps"),
    *map(chr, range(33, 127)),
]


def llama_tokenizer(pieces: Mapping[int, str] | None = None) -> PreTrainedTokenizerFast:
    """LLaMA's scheme (32,000 ids, each piece of text begins with a word mark) over the pieces above.

    Args:
        pieces: Further pieces with LLaMA's ids below 26,000; a line end is `<0x0A>`.
    """
    known, own = KNOWN | dict(pieces or {}), 5000 if pieces is None else 26000
    vocabulary = {piece: index for index, piece in known.items()}
    merges: list[tuple[str, str]] = []
    # A piece is merged from left to right; those that begin a word come first.
    for piece in sorted([*known.values(), *OTHER], key=lambda piece: not piece.startswith("▁")):
        for end in range(1, len(piece) + 1):
            vocabulary.setdefault(piece[:end], own + len(vocabulary))
            vocabulary.setdefault(piece[end - 1], own + len(vocabulary))
            pair = (piece[: end - 1], piece[end - 1])
            if end > 1 and piece not in ("<unk>", "<s>", "</s>", "<0x0A>") and pair not in merges:
                merges.append(pair)
    tokenizer = Tokenizer(BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=pieces is not None))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="first")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="$$"
    )


class ColourFeatures:
    """Stands for an image tower: an image's mean colour and position-wise means, as four tokens of six."""

    tokens, width, description = 4, 6, {"source": "colour"}

    def __init__(self) -> None:
        self.encoded = 0

    def identity(self) -> dict[str, Any]:
        return {"source": "colour"}

    def encode(self, images: Sequence[Image.Image]) -> torch.Tensor:
        self.encoded += len(images)
        rows = []
        for image in images:
            pixels = np.asarray(image.convert("RGB").resize((8, 8)), np.float32) / 255
            quarters = [pixels[y : y + 4, x : x + 4] for y in (0, 4) for x in (0, 4)]
            rows.append([np.concatenate([q.mean((0, 1)), q.std((0, 1))]) for q in quarters])
        return torch.from_numpy(np.array(rows, np.float32))


def tiny_llama(vocabulary: int = 32000, width: int = 16, seed: int = 0) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.3,
    )
    return LlamaForCausalLM(config).eval()


def tiny_model(template: Template | None = None, seed: int = 0) -> PrefixNetwork:
    language_model = tiny_llama(seed=seed)
    torch.manual_seed(seed)
    return PrefixNetwork(
        ColourFeatures(),
        torch.nn.Linear(6, 16),
        language_model,
        llama_tokenizer(),
        template or template_named("minigpt4-vicuna0"),
        "tiny",
    )


class InMemory(PrefixModel):
    """A projected-prefix model without files."""

    def identity(self) -> dict[str, Any]:
        return {"kind": "in memory"}


def in_memory(network: PrefixNetwork) -> InMemory:
    """A model with a network from memory."""
    model = InMemory("tiny")
    keep_special_tokens(network.language_model, network.tokenizer)
    model.network = network
    return model


@pytest.fixture
def model() -> PrefixNetwork:
    return tiny_model()


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Ten LLaVA rows over ten one-coloured pictures."""
    folder = tmp_path / "images"
    folder.mkdir()
    records = []
    draw = np.random.default_rng(0)
    for index in range(10):
        colour = tuple(int(c) for c in draw.integers(0, 255, 3))
        Image.new("RGB", (32, 24), colour).save(folder / f"{index}.png")
        answer = " ".join(draw.choice(["a dog runs.", "a cat sleeps.", "the image"], 3))
        records.append(
            {
                "id": f"row{index}",
                "image": f"{index}.png",
                "conversations": [
                    {"from": "human", "value": "<image>\nDescribe this image in detail."},
                    {"from": "gpt", "value": answer},
                ],
            }
        )
    path = tmp_path / "pool.json"
    path.write_text(json.dumps(records))
    return path
