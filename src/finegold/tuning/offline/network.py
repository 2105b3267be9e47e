"""Tokenizer, batches, network and image features for training the offline models."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from finegold.models.prefix.features import EfficientNetFeatures
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.storage import save_network
from finegold.models.prefix.template import template_named
from finegold.run import atomic_path, fingerprint, progress

VOCABULARY = 4000
WIDTH, LAYERS, HEADS, HIDDEN = 256, 4, 4, 768
IMAGE_TOKENS, IMAGE_WIDTH = 9, 1280
PAD, BOS, END = 0, 1, 2
UNLEARNT = -100
"""Target of a place that predicts nothing."""
MAX_TOKENS = 160
"""Number of tokens at which joined captions are cut."""
DROPPED = 0.1
"""Share of the embeddings' values that a training step drops."""


def train_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE of 4,000 tokens, so that any text can be written; ids 0, 1, 2 are pad, start and end."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


class Branch(NamedTuple):
    """A sequence behind an image, and perhaps a shared prompt, that attends to these and to itself alone.

    Attributes:
        ids: Token ids.
        targets: The token that each place predicts; -100 where nothing is learnt.
    """

    ids: list[int]
    targets: list[int]

    @classmethod
    def turns(cls, turns: Sequence[tuple[list[int], list[int]]]) -> "Branch":
        """Instructions and answers, one after another; the answers are learnt."""
        ids = [token for instruction, answer in turns for token in (*instruction, *answer)]
        targets = [
            token for instruction, answer in turns for token in (*[UNLEARNT] * len(instruction), *answer)
        ]
        return cls(ids[:-1], targets[1:])


class TrainingBatch:
    """Sequences of start, nine image places, a prompt that branches share, and the branches."""

    def __init__(self, rows: list[int], shared: list[list[int]], branches: list[list[Branch]]) -> None:
        self.rows = torch.tensor(rows)
        lengths = [
            1 + IMAGE_TOKENS + len(prompt) + sum(len(branch.ids) for branch in several)
            for prompt, several in zip(shared, branches, strict=True)
        ]
        length = max(lengths)
        shape = (len(rows), length)
        self.ids = torch.full(shape, PAD)
        self.targets = torch.full(shape, UNLEARNT)
        self.positions = torch.zeros(shape, dtype=torch.long)
        branch_of = torch.full(shape, -1)
        for i, (prompt, several) in enumerate(zip(shared, branches, strict=True)):
            at = first = 1 + IMAGE_TOKENS + len(prompt)
            self.ids[i, 0], self.ids[i, 1 + IMAGE_TOKENS : at] = BOS, torch.tensor(prompt, dtype=torch.long)
            self.positions[i, :at] = torch.arange(at)
            branch_of[i, :at] = 0
            for number, branch in enumerate(several, 1):
                end = at + len(branch.ids)
                self.ids[i, at:end] = torch.tensor(branch.ids)
                self.targets[i, at:end] = torch.tensor(branch.targets)
                self.positions[i, at:end] = torch.arange(first, first + len(branch.ids))
                branch_of[i, at:end] = number
                at = end
        before = torch.ones(length, length, dtype=torch.bool).tril()
        visible = (branch_of[:, None, :] == 0) | (branch_of[:, None, :] == branch_of[:, :, None])
        self.mask = (visible & before)[:, None]

    @classmethod
    def of_answers(
        cls, rows: list[int], prompts: list[list[int]], answers: list[list[list[int]]]
    ) -> "TrainingBatch":
        """Several answers to one prompt, for each image.

        The prompt's last token predicts an answer's first, so each answer has its own copy of it.
        """
        branches = [
            [Branch.turns([(prompt[-1:], answer)]) for answer in several]
            for prompt, several in zip(prompts, answers, strict=True)
        ]
        return cls(rows, [prompt[:-1] for prompt in prompts], branches)


class CaptionerNetwork(nn.Module):
    """Projection and decoder, trained together on features that are standardised first."""

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.mean, self.spread = mean, spread
        self.projection = nn.Linear(IMAGE_WIDTH, WIDTH)
        nn.init.normal_(self.projection.weight, std=0.005)
        nn.init.zeros_(self.projection.bias)
        self.language_model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=VOCABULARY,
                hidden_size=WIDTH,
                intermediate_size=HIDDEN,
                num_hidden_layers=LAYERS,
                num_attention_heads=HEADS,
                max_position_embeddings=512,
                tie_word_embeddings=True,
                pad_token_id=PAD,
                bos_token_id=BOS,
                eos_token_id=END,
            )
        )

    def embed(self, ids: Tensor, features: Tensor) -> Tensor:
        """Embeddings of sequences whose places 1 to 9 are the image's; features of shape (n, 9, 1280)."""
        embedded: Tensor = self.language_model.model.embed_tokens(ids)
        image = self.projection((features.float() - self.mean) / self.spread)
        whole = torch.cat([embedded[:, :1], image.to(embedded.dtype), embedded[:, 1 + IMAGE_TOKENS :]], 1)
        return nn.functional.dropout(whole, DROPPED, self.training)

    def token_losses(self, batch: TrainingBatch, features: Tensor) -> Tensor:
        """Negative log likelihood of each token of the answers, in nats, row by row."""
        hidden = self.language_model.model(
            inputs_embeds=self.embed(batch.ids, features),
            attention_mask=batch.mask,
            position_ids=batch.positions,
            use_cache=False,
        ).last_hidden_state
        labelled = batch.targets != UNLEARNT
        logits = self.language_model.lm_head(hidden[labelled])
        return nn.functional.cross_entropy(logits.float(), batch.targets[labelled], reduction="none")

    @classmethod
    def of_trained(cls, model: PrefixNetwork, mean: Tensor, spread: Tensor) -> "CaptionerNetwork":
        """A trained model, to be trained further; its projection takes standardised features again."""
        network = cls(mean, spread)
        weight, bias = model.projection.weight.detach().float(), model.projection.bias.detach().float()
        network.projection.load_state_dict({"weight": weight * spread, "bias": bias + weight @ mean})
        network.language_model.load_state_dict(model.language_model.state_dict())
        return network

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of a projection of features that are not standardised."""
        weight = self.projection.weight.detach() / self.spread
        return weight, self.projection.bias.detach() - weight @ self.mean


def image_features(folder: Path, names: Sequence[str], store: Path) -> list[Tensor]:
    """Features of the photos and their mirror images, each (n, 9, 1280), float16, kept below `store`."""
    source = EfficientNetFeatures()
    store = store / fingerprint({"photos": list(names), "features": source.identity()})
    views = []
    for view in ("plain", "mirrored"):
        path = store / f"{view}.npy"
        if not path.is_file():
            array = np.empty((len(names), IMAGE_TOKENS, IMAGE_WIDTH), np.float16)
            with progress(f"Features, {view}", len(names), "photos") as advance:
                for start in range(0, len(names), 32):
                    images = [Image.open(folder / name).convert("RGB") for name in names[start : start + 32]]
                    if view == "mirrored":
                        images = [ImageOps.mirror(image) for image in images]
                    array[start : start + len(images)] = source.encode(images).numpy()
                    advance(len(images))
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.save(file, array)
        views.append(torch.from_numpy(np.load(path, mmap_mode="c")))
    return views


def save_captioner(
    model: CaptionerNetwork, tokenizer: PreTrainedTokenizerFast, out: Path, template: str = "plain"
) -> None:
    """Write the model as `finegold` loads it, in half precision, with the prompt template of a name."""
    projection = nn.Linear(IMAGE_WIDTH, WIDTH)
    projection.load_state_dict(dict(zip(("weight", "bias"), model.folded(), strict=True)))
    tower, form = EfficientNetFeatures(), template_named(template)
    whole = PrefixNetwork(tower, projection.half(), model.language_model, tokenizer, form, "offline")
    save_network(whole, out, with_language_model=True, dtype=torch.float16)
