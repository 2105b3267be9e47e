"""Stage 1 of the offline model: projection and decoder from scratch, from photos with captions to a folder.

Three phases: all captions, singly and two to five joined; then singly only the two of each photo that agree
most with its others, which makes greedy captions safer; then, if wanted, self-critical training (Rennie et
al. 2017, arXiv 1612.00563) on the model's samples, weighed by their CIDEr-D, with the mean of a photo's other
samples as the baseline (Luo 2020, arXiv 2003.09971). A little of the usual loss is kept there, so that the
model still answers other instructions.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from finegold.metrics import CiderReferences, caption_tokens, cider_d
from finegold.offline.captioner import DETAIL_INSTRUCTIONS, ONE_SENTENCE
from finegold.run import progress
from finegold.tuning.offline.network import (
    BOS,
    END,
    IMAGE_TOKENS,
    MAX_TOKENS,
    PAD,
    CaptionerNetwork,
    TrainingBatch,
    image_features,
    save_captioner,
    train_tokenizer,
)
from finegold.tuning.offline.photos import CaptionedPhotos, as_sentence

STEPS, AGREED_STEPS, REWARDED_STEPS = 1900, 450, 300
"""Steps of the built-in model, on 6,366 photos."""
BATCH, WARMUP = 32, 60
PHOTOS, SAMPLES = 24, 5
"""Photos of a rewarded step, and samples of a photo."""
MAX_NEW_TOKENS = 28
"""Number of tokens at which a sample is cut; a sample without an end symbol has no reward."""
REWARDED_RATE, REWARDED_WARMUP = 1e-4, 20
KEPT = 0.03
"""Weight of the loss on true captions in a rewarded step."""
ASKED, ASKED_KEPT = 0.6, 0.3
"""Share of the steps that train on questions, and weight of their loss in a rewarded step."""


@dataclass(frozen=True)
class Data:
    """Captions and features to train on.

    Attributes:
        captions: Token ids of each photo's captions, those that agree most with the photo's others first.
        views: Features of the photos and of their mirror images.
        prompts: Token ids of each instruction.
    """

    captions: Sequence[Sequence[list[int]]]
    views: Sequence[Tensor]
    prompts: dict[str, list[int]]

    def features(self, rows: Sequence[int], draw: random.Random) -> Tensor:
        """Features of each photo or of its mirror image, shape (n, 9, 1280), float32."""
        return torch.stack([self.views[draw.random() < 0.5][row] for row in rows]).float()


def caption_batches(
    data: Data, size: int, single: float, agreed: int, draw: random.Random
) -> Iterator[TrainingBatch]:
    """Endless batches, each photo once a round; those of like length are together, so little is padding.

    Args:
        data: Captions and prompts.
        size: Photos a batch.
        single: Share of visits that train on single captions; the others on two to five joined.
        agreed: Number of a photo's captions that are shown singly, those that agree most with its others.
        draw: Source of the order and of all choices.
    """
    pooled, rows = 16 * size, list(range(len(data.captions)))
    while True:
        draw.shuffle(rows)
        visits = [_visit(row, data, single, agreed, draw) for row in rows]
        batches = []
        for start in range(0, len(visits), pooled):
            alike = sorted(
                visits[start : start + pooled], key=lambda visit: len(visit[1]) + sum(map(len, visit[2]))
            )
            batches += [alike[at : at + size] for at in range(0, len(alike) - size + 1, size)]
        draw.shuffle(batches)
        for batch in batches:
            yield TrainingBatch.of_answers(*map(list, zip(*batch, strict=True)))


def _visit(
    row: int, data: Data, single: float, agreed: int, draw: random.Random
) -> tuple[int, list[int], list[list[int]]]:
    """Row of a photo, prompt, and answers."""
    captions = data.captions[row]
    if draw.random() < single:
        return row, data.prompts[ONE_SENTENCE], [[*caption, END] for caption in captions[:agreed]]
    shuffled = draw.sample(captions, len(captions))
    joined = list(itertools.chain(*shuffled[: draw.randint(2, len(shuffled))]))
    return row, data.prompts[draw.choice(DETAIL_INSTRUCTIONS)], [[*joined, END][:MAX_TOKENS]]


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of training on captions.

    Attributes:
        single: See `caption_batches`.
        agreed: See `caption_batches`.
        peak: Highest learning rate.
        slowing: Share of the steps, the last ones, in which the rate falls.
    """

    single: float
    agreed: int
    peak: float
    slowing: float

    def learn(
        self,
        model: CaptionerNetwork,
        data: Data,
        steps: int,
        draw: random.Random,
        questions: Iterator[TrainingBatch] | None = None,
    ) -> None:
        """Train in place with a new optimiser; weights are in float32, matrix products as in `products`.

        With `questions`, `ASKED` of the steps take a batch of these in place of one of captions.
        """
        captions = caption_batches(data, min(BATCH, len(data.captions)), self.single, self.agreed, draw)
        batches = captions if questions is None else _mixed(captions, questions, draw)
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
                with products():
                    loss = model.token_losses(batch, features).mean()
                descend(model, optimizer, loss)
                advance(1)


def _mixed(
    captions: Iterator[TrainingBatch], questions: Iterator[TrainingBatch], draw: random.Random
) -> Iterator[TrainingBatch]:
    while True:
        yield next(questions if draw.random() < ASKED else captions)


def products() -> torch.autocast:
    """bfloat16 for matrix products on a processor with AVX-512, else float32.

    Without AVX-512 torch multiplies bfloat16 one number at a time, fifty times slower than float32.
    """
    return torch.autocast(
        "cpu", torch.bfloat16, enabled=torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    )


def descend(model: CaptionerNetwork, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step of the optimiser, the gradient's norm clipped to 1."""
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


EVERY_CAPTION = Phase(0.65, 5, 2e-3, 0.3)
AGREED_CAPTIONS = Phase(0.75, 2, 7e-4, 0.7)


def caption_data(photos: CaptionedPhotos, views: Sequence[Tensor]) -> tuple[Data, PreTrainedTokenizerFast]:
    """Captions as token ids, and the tokenizer that was trained on them."""
    texts = [[as_sentence(caption) for caption in captions] for captions in photos.captions]
    instructions = (ONE_SENTENCE, *DETAIL_INSTRUCTIONS)
    tokenizer = train_tokenizer(
        [text for several in texts for text in several] + [text + "\n" for text in instructions] * 50
    )
    captions = [
        [tokenizer.encode(several[place]) for place in order]
        for several, order in zip(texts, by_agreement(texts), strict=True)
    ]
    return Data(captions, views, {text: tokenizer.encode(text + "\n") for text in instructions}), tokenizer


def new_model(data: Data) -> CaptionerNetwork:
    """A network with random weights, for features with the mean and spread of these."""
    some = data.views[0][:1000].float().flatten(0, 1)
    return CaptionerNetwork(some.mean(0), some.std(0) + 1e-2)


def by_agreement(texts: Sequence[Sequence[str]]) -> list[list[int]]:
    """Places of each photo's captions, ordered by how much they agree with its others (CIDEr-D)."""
    tokens = [[caption_tokens(text) for text in several] for several in texts]
    scores = [np.zeros(len(several)) for several in tokens]
    for place in range(max(map(len, tokens))):
        # Every photo is scored each time, since rarity is counted over all that are scored together.
        taken = [several[place % len(several)] for several in tokens]
        others = [
            [t for other, t in enumerate(several) if other != place % len(several)] or several
            for several in tokens
        ]
        for several, score in zip(scores, cider_d(taken, others), strict=True):
            several[place % len(several)] = score
    return [[int(place) for place in np.argsort(-several, kind="stable")] for several in scores]


def learn_from_reward(
    model: CaptionerNetwork,
    data: Data,
    tokenizer: PreTrainedTokenizerFast,
    references: Sequence[Sequence[str]],
    steps: int,
    draw: random.Random,
    questions: Iterator[TrainingBatch] | None = None,
) -> None:
    """Train in place; the rate falls over the second half.

    Args:
        model: The model after the other phases; there is no dropout in this one.
        data: Captions, features and prompts.
        tokenizer: Tokenizer of the captions.
        references: Captions of each photo, in the order of `data.captions`.
        steps: Number of steps, each on 24 photos with five samples.
        draw: Source of the order of the photos.
        questions: Batches of questions, one a step, of whose loss `ASKED_KEPT` is added.
    """
    model.eval()
    metric = CiderReferences([[caption_tokens(text) for text in several] for several in references])
    optimizer = torch.optim.AdamW(model.parameters(), lr=REWARDED_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    count = len(data.captions)
    usual = caption_batches(data, min(16, count), 0.5, 5, draw)
    order: list[int] = []

    def reward(row: int, ids: list[int]) -> float:
        words = caption_tokens(tokenizer.decode(ids, skip_special_tokens=True))
        return metric.score(row, words) if ids[-1] == END else 0.0

    with progress("Captioner, rewarded", steps, "steps") as advance:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = REWARDED_RATE * min(
                    1.0, (step + 1) / REWARDED_WARMUP, max(0.05, 2 * (steps - step) / steps)
                )
            if len(order) < min(PHOTOS, count):
                order = draw.sample(range(count), count)
            rows, order = order[:PHOTOS], order[PHOTOS:]
            features = data.features(rows, draw)
            drawn = sample(model, features, data.prompts[ONE_SENTENCE])
            rewards = torch.tensor(
                [[reward(row, ids) for ids in several] for row, several in zip(rows, drawn, strict=True)]
            )
            others = (rewards.sum(1, keepdim=True) - rewards) / (SAMPLES - 1)
            lengths = torch.tensor([len(ids) for several in drawn for ids in several])
            weights = (rewards - others).flatten().repeat_interleave(lengths)
            batch = TrainingBatch.of_answers(rows, [data.prompts[ONE_SENTENCE]] * len(rows), drawn)
            true = next(usual)
            kept = [(KEPT, true, data.features(true.rows.tolist(), draw))]
            if questions is not None:
                asked = next(questions)
                kept.append((ASKED_KEPT, asked, data.features(asked.rows.tolist(), draw)))
            with products():
                loss = (weights * model.token_losses(batch, features)).mean()
                for weight, other, shown in kept:
                    loss = loss + weight * model.token_losses(other, shown).mean()
            descend(model, optimizer, loss)
            advance(1)


@torch.no_grad()
def sample(model: CaptionerNetwork, features: Tensor, prompt: list[int]) -> list[list[list[int]]]:
    """Token ids of each photo's samples, with the end symbol if they end before they are cut."""
    ids = torch.tensor([[BOS, *[PAD] * IMAGE_TOKENS, *prompt]] * len(features))
    drawn = model.language_model.generate(
        inputs_embeds=model.embed(ids, features),
        attention_mask=torch.ones(ids.shape, dtype=torch.long),
        do_sample=True,
        top_k=0,
        num_return_sequences=SAMPLES,
        max_new_tokens=MAX_NEW_TOKENS,
        pad_token_id=PAD,
        eos_token_id=END,
    ).tolist()
    whole = [ids[: ids.index(END) + 1] if END in ids else ids for ids in drawn]
    return [whole[start : start + SAMPLES] for start in range(0, len(whole), SAMPLES)]


def train_captioner(
    photos: CaptionedPhotos,
    out: Path,
    *,
    store: Path,
    steps: int = STEPS,
    agreed_steps: int = AGREED_STEPS,
    rewarded_steps: int = 0,
    seed: int = 0,
) -> None:
    """Train a captioner and write it as a folder that `finegold.models` loads.

    Args:
        photos: The photos, all for training.
        out: Folder of the model.
        store: Folder where the photos' features are kept.
        steps: Number of steps on all captions.
        agreed_steps: Number of steps on the captions that agree most.
        rewarded_steps: Number of steps on the model's samples, by how well they agree with the captions.
        seed: Seed of the weights and of all draws. Equal seeds give equal models on one kind of processor
            with equally many threads.
    """
    torch.manual_seed(seed)
    views = image_features(photos.folder, photos.names, store)
    data, tokenizer = caption_data(photos, views)
    model = new_model(data)
    draw = random.Random(seed)
    for phase, count in ((EVERY_CAPTION, steps), (AGREED_CAPTIONS, agreed_steps)):
        phase.learn(model, data, count, draw)
    if rewarded_steps:
        references = [[as_sentence(caption) for caption in captions] for captions in photos.captions]
        learn_from_reward(model, data, tokenizer, references, rewarded_steps, draw)
    save_captioner(model, tokenizer, out)
