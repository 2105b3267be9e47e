"""Train the offline vision-language model from scratch (stage 1), projection and decoder, on captions.

    python -m scripts.train_offline_vlm --images DIR --captions captions.tsv --out MODEL

`captions.tsv` has lines `file name TAB caption`, five captions a photo (Flickr8k's layout). Photos that
`finegold.tuning.offline.is_held_out` names are not trained on. Two phases: all captions, singly and two to
five joined; then singly only the two of each photo that agree most with its others, which makes greedy
captions
safer.
"""

import argparse
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from scripts.caption_metrics import CiderD
from scripts.offline_vlm_parts import (
    END,
    LONGEST_ANSWER,
    Batch,
    Model,
    Photo,
    image_features,
    read_captions,
    save,
    train_tokenizer,
)
from torch import Tensor, nn

from finegold.tuning.offline import DETAIL_INSTRUCTIONS, ONE_SENTENCE, is_held_out

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
) -> Iterator[Batch]:
    """Endless batches, each photo once a round; those of like length stand together, so little is padding.

    Args:
        data: What to train on.
        size: Photos a batch.
        single: Share of visits that train on single captions; the others on two to five joined.
        agreed: How many of a photo's captions are shown singly, those that agree most with its others.
        draw: Of the order and of all choices.
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
            rows, asked, answers = zip(*batch, strict=True)
            yield Batch(list(rows), list(asked), list(answers))


def _visit(
    photo: Photo, prompts: dict[str, list[int]], single: float, agreed: int, draw: random.Random
) -> Visit:
    if draw.random() < single:
        return photo.row, prompts[ONE_SENTENCE], [[*caption, END] for caption in photo.captions[:agreed]]
    captions = draw.sample(photo.captions, len(photo.captions))
    joined = list(itertools.chain(*captions[: draw.randint(2, len(captions))]))
    return photo.row, prompts[draw.choice(DETAIL_INSTRUCTIONS)], [[*joined, END][:LONGEST_ANSWER]]


def _length(visit: Visit) -> int:
    return len(visit[1]) + sum(map(len, visit[2]))


def learn_captions(
    model: Model,
    data: Data,
    batches: Iterator[Batch],
    steps: int,
    peak: float,
    decay: int,
    draw: random.Random,
) -> None:
    """One cycle, in place, with a new optimiser; the last `decay` of the steps slow down.

    Matrix products are in bfloat16, weights in float32.
    """
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.98), fused=True)
    began, used = time.time(), time.process_time()
    for step, batch in enumerate(itertools.islice(batches, steps)):
        for group in optimizer.param_groups:
            group["lr"] = peak * min(1.0, (step + 1) / WARMUP, max(0.01, (steps - step) / decay))
        features = data.features(batch.rows.tolist(), draw)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model.token_losses(batch, features).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 0 or step == steps - 1:
            seconds, busy = time.time() - began, time.process_time() - used
            print(f"step {step} loss {loss.item():.3f} {seconds:.0f} s, {busy:.0f} CPU seconds", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--features", type=Path, help="folder to keep the features in; default: in --out")
    parser.add_argument("--steps", type=int, nargs="+", default=[649, 510], help="cycles on all captions")
    parser.add_argument("--agreed-steps", type=int, default=220)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    captions = read_captions(options.captions)
    names = sorted(captions)
    views = image_features(options.images, names, options.features or options.out / "features")
    kept = [i for i, name in enumerate(names) if not is_held_out(name)]
    instructions = (ONE_SENTENCE, *DETAIL_INSTRUCTIONS)
    tokenizer = train_tokenizer(
        [caption for i in kept for caption in captions[names[i]]]
        + [text + "\n" for text in instructions] * 50
    )
    metric = CiderD([captions[names[i]] for i in kept])
    photos = []
    for number, i in enumerate(kept):
        texts = captions[names[i]]
        agreement = [metric.score(number, text, without=place) for place, text in enumerate(texts)]
        ranked = sorted(range(len(texts)), key=lambda place: -agreement[place])
        photos.append(Photo(i, [tokenizer.encode(texts[place]) for place in ranked]))
    data = Data(photos, views, {text: tokenizer.encode(text + "\n") for text in instructions})
    some = views[0][kept[:1000]].float().flatten(0, 1)
    model = Model(some.mean(0), some.std(0) + 1e-2)
    draw = random.Random(options.seed)
    everything = caption_batches(data, BATCH, 0.65, 5, draw)
    for steps in options.steps:
        learn_captions(model, data, everything, steps, peak=2e-3, decay=min(160, steps), draw=draw)
    agreed = caption_batches(data, BATCH, 0.75, 2, draw)
    steps = options.agreed_steps
    learn_captions(model, data, agreed, steps, peak=7e-4, decay=round(0.7 * steps), draw=draw)
    save(model, tokenizer, options.out)


if __name__ == "__main__":
    main()
