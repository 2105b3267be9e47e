"""Train the offline vision-language model from scratch (stage 1), projection and decoder, on captions.

    python scripts/train_offline_vlm.py --images DIR --captions captions.tsv --out MODEL

`captions.tsv` has lines `file name TAB caption`, five captions a photo (Flickr8k's layout). Photos that
`finegold.tuning.offline.is_held_out` names are not trained on. A visit to a photo trains on its five
captions one by one or on two to five of them joined, from the photo or its mirror image, drawn by the seed.
The captions of one
visit share the computation of what stands before them.
"""

import argparse
import itertools
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from finegold.tuning.features import EfficientNetFeatures
from finegold.tuning.offline import DETAIL_INSTRUCTIONS, ONE_SENTENCE, is_held_out
from finegold.tuning.prefix_model import PrefixModel
from finegold.tuning.storage import save_prefix_model
from finegold.tuning.template import template_named

VOCABULARY = 4000
PEAK_RATE, WARMUP, DECAY = 2e-3, 60, 150
WIDTH, LAYERS, HEADS, HIDDEN = 256, 4, 4, 768
IMAGE_TOKENS, IMAGE_WIDTH = 9, 1280
PAD, BOS, END = 0, 1, 2
LONGEST_ANSWER = 160


@dataclass(frozen=True)
class Photo:
    """A photo's row in the feature array, and the token ids of its captions."""

    row: int
    captions: list[list[int]]


def clean(caption: str) -> str:
    """A caption as a sentence: single spaces, none before punctuation, a capital and a full stop."""
    text = re.sub(r"\s+([.,;:!?'])", r"\1", " ".join(caption.split())).strip(' ."')
    return text[:1].upper() + text[1:] + "."


def read_captions(path: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, caption = line.partition("\t")
        captions[name].append(clean(caption))
    return dict(captions)


def train_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
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


class Batch:
    """Sequences of start, nine image places, instruction, and answers that see these but not each other."""

    def __init__(self, rows: list[int], prompts: list[list[int]], answers: list[list[list[int]]]) -> None:
        self.rows = torch.tensor(rows)
        longest = max(IMAGE_TOKENS + len(p) + sum(map(len, a)) for p, a in zip(prompts, answers, strict=True))
        shape = (len(rows), longest)
        self.ids = torch.full(shape, PAD)
        self.targets = torch.full(shape, -100)
        self.positions = torch.zeros(shape, dtype=torch.long)
        answer_of = torch.full(shape, -1)
        for i, (prompt, several) in enumerate(zip(prompts, answers, strict=True)):
            # The prompt's last token predicts an answer's first, so each answer has its own copy of it.
            at = IMAGE_TOKENS + len(prompt)
            self.ids[i, 0], self.ids[i, 1 + IMAGE_TOKENS : at] = BOS, torch.tensor(prompt[:-1])
            self.positions[i, :at] = torch.arange(at)
            answer_of[i, :at] = 0
            first = at
            for number, answer in enumerate(several, 1):
                end = at + len(answer)
                self.ids[i, at:end] = torch.tensor([prompt[-1], *answer[:-1]])
                self.targets[i, at:end] = torch.tensor(answer)
                self.positions[i, at:end] = torch.arange(first, first + len(answer))
                answer_of[i, at:end] = number
                at = end
        before = torch.ones(longest, longest, dtype=torch.bool).tril()
        visible = (answer_of[:, None, :] == 0) | (answer_of[:, None, :] == answer_of[:, :, None])
        self.mask = (visible & before)[:, None]


class Model(nn.Module):
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

    def loss(self, batch: Batch, features: Tensor, reduction: str = "mean") -> Tensor:
        """Cross-entropy of the answers' tokens, in nats; features of shape (n, 9, 1280)."""
        embedded = self.language_model.model.embed_tokens(batch.ids)
        image = self.projection((features.float() - self.mean) / self.spread)
        embedded = torch.cat([embedded[:, :1], image.to(embedded.dtype), embedded[:, 1 + IMAGE_TOKENS :]], 1)
        hidden = self.language_model.model(
            inputs_embeds=embedded,
            attention_mask=batch.mask,
            position_ids=batch.positions,
            use_cache=False,
        ).last_hidden_state
        labelled = batch.targets != -100
        logits = self.language_model.lm_head(hidden[labelled])
        return nn.functional.cross_entropy(logits.float(), batch.targets[labelled], reduction=reduction)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of a projection that takes the features as they are."""
        weight = self.projection.weight.detach() / self.spread
        return weight, self.projection.bias.detach() - weight @ self.mean


def training_batches(
    photos: list[Photo], prompts: dict[str, list[int]], size: int, single: float, seed: int
) -> Iterator[Batch]:
    """Endless batches, each photo once a round; those of like length stand together, so little is padding."""
    draw = random.Random(seed)
    pooled = 16 * size
    while True:
        draw.shuffle(photos)
        visits = [_visit(photo, prompts, single, draw) for photo in photos]
        batches = []
        for start in range(0, len(visits), pooled):
            alike = sorted(visits[start : start + pooled], key=_length)
            batches += [alike[at : at + size] for at in range(0, len(alike) - size + 1, size)]
        draw.shuffle(batches)
        for batch in batches:
            rows, asked, answers = zip(*batch, strict=True)
            yield Batch(list(rows), list(asked), list(answers))


Visit = tuple[int, list[int], list[list[int]]]


def _visit(photo: Photo, prompts: dict[str, list[int]], single: float, draw: random.Random) -> Visit:
    captions = draw.sample(photo.captions, len(photo.captions))
    if draw.random() < single:
        return photo.row, prompts[ONE_SENTENCE], [[*caption, END] for caption in captions]
    joined = list(itertools.chain(*captions[: draw.randint(2, len(captions))]))
    return photo.row, prompts[draw.choice(DETAIL_INSTRUCTIONS)], [[*joined, END][:LONGEST_ANSWER]]


def _length(visit: Visit) -> int:
    return len(visit[1]) + sum(map(len, visit[2]))


def image_features(folder: Path, names: list[str], store: Path) -> list[Tensor]:
    """Features of the photos and their mirror images, each (n, 9, 1280), float16, kept in `store`."""
    source = EfficientNetFeatures()
    views = []
    for view in ("plain", "mirrored"):
        path = store / f"{view}.npy"
        if not path.is_file():
            store.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".part")
            array = np.lib.format.open_memmap(
                unfinished, "w+", np.float16, (len(names), IMAGE_TOKENS, IMAGE_WIDTH)
            )
            for start in range(0, len(names), 32):
                pictures = [Image.open(folder / name).convert("RGB") for name in names[start : start + 32]]
                if view == "mirrored":
                    pictures = [ImageOps.mirror(picture) for picture in pictures]
                array[start : start + len(pictures)] = source.encode(pictures).numpy()
            array.flush()
            unfinished.rename(path)
        views.append(torch.from_numpy(np.load(path, mmap_mode="c")))
    return views


def rate_at(step: int, steps: int) -> float:
    """Of a cycle: warm-up, a plateau, and a linear way down over the last `DECAY` steps."""
    return PEAK_RATE * min(1.0, (step + 1) / WARMUP, max(0.01, (steps - step) / DECAY))


def train(
    model: Model, views: list[Tensor], batches: Iterator[Batch], steps: int, mirror: random.Random
) -> None:
    """One cycle: a new optimiser, trained in place. Matrix products are in bfloat16, weights in float32."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98), fused=True)
    began, used = time.time(), time.process_time()
    for step, batch in enumerate(itertools.islice(batches, steps)):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, steps)
        features = torch.stack([views[mirror.random() < 0.5][row] for row in batch.rows.tolist()])
        with torch.autocast("cpu", torch.bfloat16):
            loss = model.loss(batch, features)
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
    parser.add_argument("--steps", type=int, nargs="+", default=[1000], help="of each cycle")
    parser.add_argument("--batch", type=int, default=32, help="photos a step")
    parser.add_argument("--single", type=float, default=0.65, help="share of visits with single captions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    captions = read_captions(options.captions)
    names = sorted(captions)
    views = image_features(options.images, names, options.features or options.out / "features")
    kept = [i for i, name in enumerate(names) if not is_held_out(name)]
    tokenizer = train_tokenizer(
        [caption for i in kept for caption in captions[names[i]]]
        + [instruction + "\n" for instruction in (ONE_SENTENCE, *DETAIL_INSTRUCTIONS)] * 50
    )
    photos = [Photo(i, [tokenizer.encode(c) for c in captions[name]]) for i, name in enumerate(names)]
    prompts = {text: tokenizer.encode(text + "\n") for text in (ONE_SENTENCE, *DETAIL_INSTRUCTIONS)}
    some = views[0][kept[:1000]].float().flatten(0, 1)
    model = Model(some.mean(0), some.std(0) + 1e-2)
    batches = training_batches(
        [photos[i] for i in kept], prompts, options.batch, options.single, options.seed
    )
    mirror = random.Random(options.seed + 1)
    for steps in options.steps:
        train(model, views, batches, steps, mirror)
    save(model, tokenizer, options.out)


def save(model: Model, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write the model as `finegold` loads it, in half precision."""
    projection = nn.Linear(IMAGE_WIDTH, WIDTH)
    weight, bias = model.folded()
    projection.load_state_dict({"weight": weight, "bias": bias})
    whole = PrefixModel(
        EfficientNetFeatures(),
        projection.half(),
        model.language_model,
        tokenizer,
        template_named("plain"),
        "offline",
    )
    save_prefix_model(whole, out, with_language_model=True, dtype=torch.float16)


if __name__ == "__main__":
    main()
