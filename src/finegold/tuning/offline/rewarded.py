"""A last phase for greedy captions: the model's own samples, weighed by their CIDEr-D.

Self-critical training (Rennie et al. 2017, arXiv 1612.00563) with the mean of a photo's other samples as the
baseline (Luo 2020, arXiv 2003.09971). A little of the usual loss is kept, so that it goes on answering other
instructions.
"""

import random
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from finegold.metrics import CiderReferences, caption_tokens
from finegold.offline.captioner import ONE_SENTENCE
from finegold.run import progress
from finegold.tuning.offline.captioner import Data, caption_batches
from finegold.tuning.offline.network import BOS, END, IMAGE_TOKENS, PAD, CaptionBatch, CaptionerNetwork

PHOTOS, SAMPLES = 24, 5
"""A step."""
LONGEST = 28
"""Tokens of a sample; one that does not end in time has no reward."""
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
        tokenizer: Of the captions.
        references: Captions of each photo, in the order of `data.photos`.
        steps: Of 24 photos with five samples each.
        draw: Of the photos.
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
            told = sample(model, features, data.prompts[ONE_SENTENCE])
            rewards = torch.tensor(
                [
                    [_reward(metric, place, ids, tokenizer) for ids in own]
                    for place, own in zip(chosen, told, strict=True)
                ]
            )
            others = (rewards.sum(1, keepdim=True) - rewards) / (SAMPLES - 1)
            lengths = torch.tensor([len(ids) for own in told for ids in own])
            weights = (rewards - others).flatten().repeat_interleave(lengths)
            batch = CaptionBatch(rows, [data.prompts[ONE_SENTENCE]] * len(rows), told)
            true = next(usual)
            shown = data.features(true.rows.tolist(), draw)
            with torch.autocast("cpu", torch.bfloat16):
                loss = (weights * model.token_losses(batch, features)).mean()
                loss = loss + KEPT * model.token_losses(true, shown).mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
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
        max_new_tokens=LONGEST,
        pad_token_id=PAD,
        eos_token_id=END,
    ).tolist()
    whole = [ids[: ids.index(END) + 1] if END in ids else ids for ids in drawn]
    return [whole[start : start + SAMPLES] for start in range(0, len(whole), SAMPLES)]


def _reward(metric: CiderReferences, place: int, ids: list[int], tokenizer: PreTrainedTokenizerFast) -> float:
    if ids[-1] != END:
        return 0.0
    return metric.score(place, caption_tokens(tokenizer.decode(ids, skip_special_tokens=True)))
