"""Train the two heads of the encoder `offline` on photos with captions, and measure them on held-out photos.

    python scripts/train_offline_encoder.py --images DIR --captions TSV --out FILE [--exclude FILE]

TSV has one `image<TAB>caption` a line, each image several times. Both towers stay frozen: their features, of
every photo and of its mirror image, are computed once and kept in --cache. The loss is InfoNCE in both
directions (van den Oord et al. 2018, arXiv 1807.03748) over batches of photos, each with several of its
captions.
"""

import argparse
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch.nn.functional import cross_entropy, normalize

from finegold.encoders import efficientnet_lite0, minilm
from finegold.encoders.minilm import TokenStates
from finegold.encoders.offline.encoder import plain
from finegold.encoders.offline.heads import (
    GLOBAL_WIDTH,
    PLACE_WIDTH,
    PLACES,
    ImageInputs,
    Parameters,
    image_head,
    image_inputs,
    initial_weights,
    load_heads,
    save_heads,
    text_head,
    weight_count,
)

VIEWS = 2
LONGEST = 32
"""Tokens of a caption that are kept; in Flickr8k 3 in 100,000 captions are longer."""
CHUNK = 32


@dataclass(frozen=True)
class Captioned:
    """Photos and their captions.

    Attributes:
        names: File names, sorted.
        captions: All captions, those of a photo together.
        starts: Captions of photo i are `captions[starts[i]:starts[i + 1]]`.
    """

    names: list[str]
    captions: list[str]
    starts: np.ndarray


@dataclass(frozen=True)
class Features:
    """Frozen features: (views, n, ...) of the photos in half precision, (m, ...) of the captions."""

    whole: np.ndarray
    places: np.ndarray
    states: np.ndarray
    lengths: np.ndarray

    def images(self, rows: np.ndarray, views: np.ndarray) -> ImageInputs:
        """Inputs of the image head for some photos, each in its view."""
        return ImageInputs(
            torch.from_numpy(self.whole[views, rows].astype(np.float32)),
            torch.from_numpy(self.places[views, rows].astype(np.float32)),
        )

    def texts(self, rows: np.ndarray) -> TokenStates:
        """Inputs of the text head for some captions."""
        lengths = self.lengths[rows]
        length = int(lengths.max())
        mask = (np.arange(length) < lengths[:, None]).astype(np.float32)
        return TokenStates(
            torch.from_numpy(self.states[rows, :length].astype(np.float32)), torch.from_numpy(mask)
        )


def read_captions(path: Path) -> Captioned:
    """Read the TSV."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, caption = line.partition("\t")
        found.setdefault(name, []).append(plain(caption))
    names = sorted(found)
    starts = np.cumsum([0, *(len(found[name]) for name in names)])
    return Captioned(names, [caption for name in names for caption in found[name]], starts)


def compute_features(data: Captioned, images: Path, cache: Path) -> Features:
    """Features of all photos and captions, from the cache if they are there."""
    content = json.dumps([efficientnet_lite0.SHA256, minilm.SHA256, data.names, data.captions, LONGEST])
    folder = cache / hashlib.sha256(content.encode()).hexdigest()[:12]
    parts = ("whole", "places", "states", "lengths")
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in zip(parts, _image_features(data, images) + _text_features(data), strict=True):
            np.save(folder / f"{name}.npy", array)
        (folder / "done").touch()
    return Features(*(np.load(folder / f"{name}.npy") for name in parts))


def _image_features(data: Captioned, images: Path) -> tuple[np.ndarray, np.ndarray]:
    tower = efficientnet_lite0.load()
    n = len(data.names)
    whole = np.empty((VIEWS, n, GLOBAL_WIDTH), np.float16)
    places = np.empty((VIEWS, n, PLACES, PLACE_WIDTH), np.float16)
    begin = time.perf_counter()
    for start in range(0, n, CHUNK):
        rows = slice(start, min(start + CHUNK, n))
        pixels = torch.stack(
            [efficientnet_lite0.preprocess(Image.open(images / name)) for name in data.names[rows]]
        )
        for view, seen in enumerate((pixels, pixels.flip(3))):
            inputs = image_inputs(tower(seen))
            whole[view, rows], places[view, rows] = inputs.whole.numpy(), inputs.places.numpy()
        if start % (50 * CHUNK) == 0:
            print(f"  photos: {rows.stop} of {n}, {time.perf_counter() - begin:.0f} s", flush=True)
    return whole, places


def _text_features(data: Captioned) -> tuple[np.ndarray, np.ndarray]:
    tower = minilm.load()
    n = len(data.captions)
    states = np.zeros((n, LONGEST, minilm.WIDTH), np.float16)
    lengths = np.empty(n, np.int64)
    order = sorted(range(n), key=lambda row: len(data.captions[row]))
    begin = time.perf_counter()
    for start in range(0, n, CHUNK):
        rows = order[start : start + CHUNK]
        tokens = tower([data.captions[row] for row in rows])
        length = min(tokens.states.shape[1], LONGEST)
        states[rows, :length] = (tokens.states * tokens.mask[:, :, None])[:, :length].numpy()
        lengths[rows] = np.minimum(tokens.mask.sum(1).long().numpy(), LONGEST)
        if start % (200 * CHUNK) == 0:
            print(f"  captions: {start + len(rows)} of {n}, {time.perf_counter() - begin:.0f} s", flush=True)
    return states, lengths


def standardise(weights: Parameters, data: Captioned, features: Features, rows: np.ndarray) -> None:
    """Set the input means and spreads to those of the training photos and captions."""
    images = features.images(rows, np.zeros(len(rows), np.int64))
    captions = np.concatenate([np.arange(data.starts[row], data.starts[row + 1]) for row in rows])
    texts = torch.cat([features.texts(part).pooled for part in np.array_split(captions, 20)])
    for name, values in (
        ("image.whole", images.whole),
        ("image.place", images.places.flatten(0, 1)),
        ("text", texts),
    ):
        separator = "." if name == "text" else "_"
        weights[f"{name}{separator}mean"] = values.mean(0)
        # Some of the towers' outputs never vary; they stay near zero instead of being blown up.
        weights[f"{name}{separator}std"] = values.std(0) + 1e-2


def train(data: Captioned, features: Features, rows: np.ndarray, options: argparse.Namespace) -> Parameters:
    """Train heads on the given photos."""
    weights = initial_weights(
        queries=options.queries, hidden=options.hidden, dim=options.dim, seed=options.seed
    )
    standardise(weights, data, features, rows)
    fixed = {name for name in weights if name.endswith(("mean", "std"))}
    learnt = {name: tensor.requires_grad_() for name, tensor in weights.items() if name not in fixed}
    scale = torch.tensor(np.log(1 / 0.05), dtype=torch.float32, requires_grad=True)
    matrices = [tensor for tensor in learnt.values() if tensor.ndim > 1]
    others = [tensor for tensor in learnt.values() if tensor.ndim == 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": options.weight_decay},
            {"params": [*others, scale], "weight_decay": 0.0},
        ],
        lr=options.lr,
    )
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    steps = len(rows) // options.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.lr, total_steps=options.epochs * steps, pct_start=0.1
    )
    target = torch.arange(options.batch)
    begin = time.perf_counter()
    for epoch in range(options.epochs):
        order = rng.permutation(rows)
        total = 0.0
        for step in range(steps):
            photos = order[step * options.batch : (step + 1) * options.batch]
            views = rng.integers(0, VIEWS, options.batch)
            captions = np.stack([_some_captions(data, row, options, rng) for row in photos], axis=1)
            image = normalize(image_head(weights, features.images(photos, views), dropout=options.dropout))
            tokens = features.texts(captions.reshape(-1))
            text = normalize(text_head(weights, tokens, dropout=options.dropout))
            loss = torch.zeros(())
            for part in torch.split(text, options.batch):
                logits = image @ part.T * scale.exp().clamp(max=100)
                loss = loss + (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
            loss = loss / options.captions_per_photo
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        seconds = time.perf_counter() - begin
        print(f"  epoch {epoch + 1}: loss {total / steps:.3f}, {seconds:.0f} s", flush=True)
    return {name: tensor.detach() for name, tensor in weights.items()}


def _some_captions(
    data: Captioned, row: int, options: argparse.Namespace, rng: np.random.Generator
) -> np.ndarray:
    own = np.arange(data.starts[row], data.starts[row + 1])
    count = options.captions_per_photo
    chosen: np.ndarray = rng.choice(own, count, replace=len(own) < count)
    return chosen


def measure(
    weights: Parameters, data: Captioned, features: Features, rows: np.ndarray, seed: int
) -> dict[str, float]:
    """Retrieval among, and matched against mismatched pairs of, the given photos.

    Returns:
        text_to_image_r1, _r5: Share of all captions of these photos whose photo is among the 1 or 5 nearest
        of all these photos, one caption a query. image_to_text_r1: Share of photos whose nearest caption is
        one of theirs. auc: Of the cosine, every caption with its photo against the same caption with another
        photo.
    """
    with torch.inference_mode():
        image = normalize(image_head(weights, features.images(rows, np.zeros(len(rows), np.int64))))
        counts = np.diff(data.starts)[rows]
        captions = np.concatenate([np.arange(data.starts[row], data.starts[row + 1]) for row in rows])
        parts = np.array_split(captions, max(1, len(captions) // 512))
        text = normalize(torch.cat([text_head(weights, features.texts(part)) for part in parts]))
        cosine = (text @ image.T).numpy()
    own = np.repeat(np.arange(len(rows)), counts)
    other = (own + np.random.default_rng(seed).integers(1, len(rows), len(own))) % len(rows)
    queries = np.arange(len(own))
    matched, mismatched = cosine[queries, own], cosine[queries, other]
    rank = (cosine > matched[:, None]).sum(1)
    return {
        "text_to_image_r1": float((rank == 0).mean()),
        "text_to_image_r5": float((rank < 5).mean()),
        "image_to_text_r1": float((own[cosine.argmax(0)] == np.arange(len(rows))).mean()),
        "auc": float(roc_auc_score(np.repeat([1, 0], len(own)), np.concatenate([matched, mismatched]))),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train the heads of the encoder `offline`.")
    parser.add_argument("--images", type=Path, required=True, help="folder of the photos")
    parser.add_argument("--captions", type=Path, required=True, help="image<TAB>caption lines")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--exclude", type=Path, help="file of photo names, one a line, that take no part")
    parser.add_argument("--holdout", type=int, default=1000, help="photos to measure on, not trained on")
    parser.add_argument("--seed", type=int, default=0, help="of the holdout, the weights and the batches")
    parser.add_argument("--cache", type=Path, default=Path("features"), help="folder for the features")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=512, help="photos a step")
    parser.add_argument("--captions-per-photo", type=int, default=2)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--queries", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--dim", type=int, default=256)
    options = parser.parse_args()

    data = read_captions(options.captions)
    features = compute_features(data, options.images, options.cache)
    excluded = set(options.exclude.read_text(encoding="utf-8").split()) if options.exclude else set()
    free = [row for row, name in enumerate(data.names) if name not in excluded]
    order = np.random.default_rng(options.seed).permutation(np.array(free))
    held_out, rows = order[: options.holdout], np.sort(order[options.holdout :])
    print(f"{len(rows)} photos to train on, {len(held_out)} held out, {len(excluded)} excluded", flush=True)
    begin = time.process_time()
    weights = train(data, features, rows, options)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_heads(weights, options.out)
    sizes = {
        "weights": weight_count(weights),
        "bytes": options.out.stat().st_size,
        "cpu_seconds": round(time.process_time() - begin),
    }
    # Measured on what was written, in its reduced precision.
    scores = measure(load_heads(options.out), data, features, held_out, options.seed)
    sha256 = hashlib.sha256(options.out.read_bytes()).hexdigest()
    print(json.dumps({"trained_on": len(rows), **sizes, **scores, "sha256": sha256}, indent=1))


if __name__ == "__main__":
    main()
