"""Stage 1 of the offline model, all phases, from photos with captions to a folder.

The last phase, for greedy captions, learns from the model's own samples, weighed by their CIDEr-D. That is
self-critical training (Rennie et al. 2017, arXiv 1612.00563) with the mean of a photo's other samples as the
baseline (Luo 2020, arXiv 2003.09971). A little of the usual loss is kept, so that the model goes on answering
other instructions.
"""

import random
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from finegold.metrics import CiderReferences, caption_tokens
from finegold.offline.captioner import ONE_SENTENCE
from finegold.run import progress
from finegold.tuning.offline.captioner import (
    AGREED_CAPTIONS,
    EVERY_CAPTION,
    Data,
    caption_batches,
    caption_data,
    descend,
    new_model,
)
from finegold.tuning.offline.network import (
    BOS,
    END,
    IMAGE_TOKENS,
    PAD,
    CaptionBatch,
    CaptionerNetwork,
    image_features,
    save_captioner,
)
from finegold.tuning.offline.photos import CaptionedPhotos, as_sentence

STEPS, AGREED_STEPS, REWARDED_STEPS = 1900, 450, 300
"""Steps of the built-in model, on 6,366 photos."""
PHOTOS, SAMPLES = 24, 5
"""Photos of a rewarded step, and samples of a photo."""
MAX_NEW_TOKENS = 28
"""Number of tokens at which a sample is cut; one that does not end in time has no reward."""
RATE = 1e-4
WARMUP = 20
KEPT = 0.03
"""Weight of the loss on true captions."""


def learn_from_reward(
    model: CaptionerNetwork,
    data: Data,
    tokenizer: PreTrainedTokenizerFast,
    references: Sequence[Sequence[str]],
    steps: int,
    draw: random.Random,
) -> None:
    """Train in place; the rate falls over the second half.

    Args:
        model: After the other phases. Nothing is dropped from here on.
        data: Photos, features and prompts.
        tokenizer: Tokenizer of the captions.
        references: Captions of each photo, in the order of `data.photos`.
        steps: Number of steps, each on 24 photos with five samples.
        draw: Source of the order of the photos.
    """
    model.eval()
    metric = CiderReferences([[caption_tokens(text) for text in several] for several in references])
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.0)
    usual = caption_batches(data, min(16, len(data.photos)), 0.5, 5, draw)
    order: list[int] = []
    with progress("Captioner, rewarded", steps, "steps") as advance:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / WARMUP, max(0.05, 2 * (steps - step) / steps))
            if len(order) < min(PHOTOS, len(data.photos)):
                order = draw.sample(range(len(data.photos)), len(data.photos))
            chosen, order = order[:PHOTOS], order[PHOTOS:]
            rows = [data.photos[place].row for place in chosen]
            features = data.features(rows, draw)
            drawn = sample(model, features, data.prompts[ONE_SENTENCE])
            rewards = torch.tensor(
                [
                    [_reward(metric, place, ids, tokenizer) for ids in several]
                    for place, several in zip(chosen, drawn, strict=True)
                ]
            )
            others = (rewards.sum(1, keepdim=True) - rewards) / (SAMPLES - 1)
            lengths = torch.tensor([len(ids) for several in drawn for ids in several])
            weights = (rewards - others).flatten().repeat_interleave(lengths)
            batch = CaptionBatch(rows, [data.prompts[ONE_SENTENCE]] * len(rows), drawn)
            true = next(usual)
            shown = data.features(true.rows.tolist(), draw)
            with torch.autocast("cpu", torch.bfloat16):
                loss = (weights * model.token_losses(batch, features)).mean()
                loss = loss + KEPT * model.token_losses(true, shown).mean()
            descend(model, optimizer, loss)
            advance(1)


@torch.no_grad()
def sample(model: CaptionerNetwork, features: Tensor, prompt: list[int]) -> list[list[list[int]]]:
    """Token ids of each photo's samples, with their end symbol where they end in time."""
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


def _reward(metric: CiderReferences, place: int, ids: list[int], tokenizer: PreTrainedTokenizerFast) -> float:
    if ids[-1] != END:
        return 0.0
    return metric.score(place, caption_tokens(tokenizer.decode(ids, skip_special_tokens=True)))


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
        photos: All of them are trained on.
        out: Folder of the model.
        store: Folder where the photos' features are kept.
        steps: Number of steps on all captions.
        agreed_steps: Number of steps on the captions that agree most.
        rewarded_steps: Number of steps on the model's samples, by how well they agree with the captions.
        seed: Seed of the weights and of all draws. Equal seeds give equal models on one machine with equally
            many threads.
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
