"""Stage 1 of the offline model: projection and decoder from scratch, on captions.

Two phases: all captions, singly and two to five joined; then singly only the two of each photo that agree
most with its others, which makes greedy captions safer.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from finegold.metrics import caption_tokens, cider_d
from finegold.offline.captioner import DETAIL_INSTRUCTIONS, ONE_SENTENCE
from finegold.run import progress
from finegold.tuning.offline.network import (
    END,
    MAX_TOKENS,
    CaptionBatch,
    CaptionerNetwork,
    Photo,
    train_tokenizer,
)
from finegold.tuning.offline.photos import CaptionedPhotos, as_sentence

BATCH = 32
WARMUP = 60
Visit = tuple[int, list[int], list[list[int]]]


@dataclass(frozen=True)
class Data:
    """What a phase trains on.

    Attributes:
        photos: With their captions, those that agree most with the photo's others first.
        views: Features of the photos and of their mirror images.
        prompts: Token ids of each instruction.
    """

    photos: Sequence[Photo]
    views: Sequence[Tensor]
    prompts: dict[str, list[int]]

    def features(self, rows: Sequence[int], draw: random.Random) -> Tensor:
        """Each photo's or its mirror image's, shape (n, 9, 1280), float32."""
        return torch.stack([self.views[draw.random() < 0.5][row] for row in rows]).float()


def caption_batches(
    data: Data, size: int, single: float, agreed: int, draw: random.Random
) -> Iterator[CaptionBatch]:
    """Endless batches, each photo once a round; those of like length stand together, so little is padding.

    Args:
        data: What to train on.
        size: Photos a batch.
        single: Share of visits that train on single captions; the others on two to five joined.
        agreed: How many of a photo's captions are shown singly, those that agree most with its others.
        draw: Source of the order and of all choices.
    """
    pooled = 16 * size
    photos = list(data.photos)
    while True:
        draw.shuffle(photos)
        visits = [_visit(photo, data.prompts, single, agreed, draw) for photo in photos]
        batches = []
        for start in range(0, len(visits), pooled):
            alike = sorted(visits[start : start + pooled], key=_length)
            batches += [alike[at : at + size] for at in range(0, len(alike) - size + 1, size)]
        draw.shuffle(batches)
        for batch in batches:
            rows, prompts, answers = zip(*batch, strict=True)
            yield CaptionBatch(list(rows), list(prompts), list(answers))


def _visit(
    photo: Photo, prompts: dict[str, list[int]], single: float, agreed: int, draw: random.Random
) -> Visit:
    if draw.random() < single:
        return photo.row, prompts[ONE_SENTENCE], [[*caption, END] for caption in photo.captions[:agreed]]
    captions = draw.sample(photo.captions, len(photo.captions))
    joined = list(itertools.chain(*captions[: draw.randint(2, len(captions))]))
    return photo.row, prompts[draw.choice(DETAIL_INSTRUCTIONS)], [[*joined, END][:MAX_TOKENS]]


def _length(visit: Visit) -> int:
    return len(visit[1]) + sum(map(len, visit[2]))


@dataclass(frozen=True, slots=True)
class Phase:
    """A cycle of training.

    Attributes:
        single: Share of visits that train on single captions.
        shown: How many of a photo's captions are shown singly, those that agree most with its others.
        peak: Highest learning rate.
        slowing: Share of the steps, the last ones, in which the rate falls.
    """

    single: float
    shown: int
    peak: float
    slowing: float

    def learn(self, model: CaptionerNetwork, data: Data, steps: int, draw: random.Random) -> None:
        """Train in place with a new optimiser; matrix products are in bfloat16, weights in float32."""
        batches = caption_batches(data, min(BATCH, len(data.photos)), self.single, self.shown, draw)
        decay = max(1, round(self.slowing * steps))
        model.train()
        groups = [
            {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
            {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.peak, betas=(0.9, 0.98), fused=True)
        with progress("Captioner", steps, "steps") as advance:
            for step, batch in enumerate(itertools.islice(batches, steps)):
                for group in optimizer.param_groups:
                    group["lr"] = self.peak * min(1.0, (step + 1) / WARMUP, max(0.01, (steps - step) / decay))
                features = data.features(batch.rows.tolist(), draw)
                with torch.autocast("cpu", torch.bfloat16):
                    loss = model.token_losses(batch, features).mean()
                descend(model, optimizer, loss)
                advance(1)


def descend(model: CaptionerNetwork, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step of the optimiser, the gradient's norm clipped to 1."""
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


EVERY_CAPTION = Phase(0.65, 5, 2e-3, 0.3)
AGREED_CAPTIONS = Phase(0.75, 2, 7e-4, 0.7)


def caption_data(photos: CaptionedPhotos, views: Sequence[Tensor]) -> tuple[Data, PreTrainedTokenizerFast]:
    """Captions as token ids, and the tokenizer learnt from them."""
    texts = [[as_sentence(caption) for caption in captions] for captions in photos.captions]
    instructions = (ONE_SENTENCE, *DETAIL_INSTRUCTIONS)
    tokenizer = train_tokenizer(
        [text for several in texts for text in several] + [text + "\n" for text in instructions] * 50
    )
    encoded = [
        Photo(row, [tokenizer.encode(several[place]) for place in order])
        for row, (several, order) in enumerate(zip(texts, by_agreement(texts), strict=True))
    ]
    return Data(encoded, views, {text: tokenizer.encode(text + "\n") for text in instructions}), tokenizer


def new_model(data: Data) -> CaptionerNetwork:
    """Random weights, for features of this spread."""
    some = data.views[0][:1000].float().flatten(0, 1)
    return CaptionerNetwork(some.mean(0), some.std(0) + 1e-2)


def by_agreement(texts: Sequence[Sequence[str]]) -> list[list[int]]:
    """The places of each photo's captions, those first that agree most with its others (CIDEr-D)."""
    tokens = [[caption_tokens(text) for text in several] for several in texts]
    scores = [np.zeros(len(several)) for several in tokens]
    for place in range(max(map(len, tokens))):
        # Every photo takes part each time, since rarity is counted over all that are scored together.
        taken = [several[place % len(several)] for several in tokens]
        others = [
            [t for other, t in enumerate(several) if other != place % len(several)] or several
            for several in tokens
        ]
        for several, score in zip(scores, cider_d(taken, others), strict=True):
            several[place % len(several)] = score
    return [[int(place) for place in np.argsort(-several, kind="stable")] for several in scores]
