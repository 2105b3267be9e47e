"""The heads of the encoder `offline`, trained on photos with captions behind frozen towers.

The towers' features, of every photo and of its mirror image, are computed once and kept. The loss is InfoNCE
in both directions (van den Oord et al. 2018, arXiv 1807.03748) over batches of photos, each with several of
its captions.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn.functional import cross_entropy, normalize

from finegold.offline import efficientnet_lite0, minilm
from finegold.offline.encoder import plain
from finegold.offline.heads import (
    GLOBAL_WIDTH,
    PLACE_WIDTH,
    PLACES,
    ImageInputs,
    Parameters,
    image_head,
    image_inputs,
    initial_weights,
    text_head,
)
from finegold.offline.minilm import TokenStates
from finegold.run import fingerprint, progress
from finegold.tuning.offline.photos import CaptionedPhotos

Arr = npt.NDArray[Any]
VIEWS = 2
MAX_TOKENS = 32
"""Number of tokens at which a caption is cut; in Flickr8k 3 in 100,000 captions are longer."""
CHUNK = 32
EPOCHS, BATCH, CAPTIONS, RATE, WEIGHT_DECAY, DROPOUT = 20, 512, 2, 1e-3, 0.05, 0.5
"""Settings of the built-in heads; a batch has this number of captions a photo."""


@dataclass(frozen=True)
class Features:
    """Features of the frozen towers: (views, n, ...) of photos in half precision, (m, ...) of captions."""

    whole: Arr
    places: Arr
    states: Arr
    lengths: Arr

    def images(self, rows: Arr, views: Arr) -> ImageInputs:
        """Inputs of the image head for some photos, each in its view."""
        return ImageInputs(
            torch.from_numpy(self.whole[views, rows].astype(np.float32)),
            torch.from_numpy(self.places[views, rows].astype(np.float32)),
        )

    def texts(self, rows: Arr) -> TokenStates:
        """Inputs of the text head for some captions."""
        lengths = self.lengths[rows]
        length = int(lengths.max())
        mask = (np.arange(length) < lengths[:, None]).astype(np.float32)
        return TokenStates(
            torch.from_numpy(self.states[rows, :length].astype(np.float32)), torch.from_numpy(mask)
        )


def compute_features(photos: CaptionedPhotos, cache: Path) -> Features:
    """Features of all photos and captions, computed if the cache lacks them."""
    captions = [plain(caption) for several in photos.captions for caption in several]
    content = [efficientnet_lite0.SHA256, minilm.SHA256, list(photos.names), captions, MAX_TOKENS]
    folder = cache / fingerprint({"features": content})
    parts = ("whole", "places", "states", "lengths")
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in zip(parts, _image_features(photos) + _text_features(captions), strict=True):
            np.save(folder / f"{name}.npy", array)
        (folder / "done").touch()
    return Features(*(np.load(folder / f"{name}.npy") for name in parts))


def _image_features(photos: CaptionedPhotos) -> tuple[Arr, Arr]:
    tower = efficientnet_lite0.load_efficientnet()
    n = len(photos.names)
    whole = np.empty((VIEWS, n, GLOBAL_WIDTH), np.float16)
    places = np.empty((VIEWS, n, PLACES, PLACE_WIDTH), np.float16)
    with progress("Photo features", n, "photos") as advance:
        for start in range(0, n, CHUNK):
            images = [Image.open(photos.folder / name) for name in photos.names[start : start + CHUNK]]
            rows = slice(start, start + len(images))
            pixels = torch.stack([efficientnet_lite0.preprocess(image) for image in images])
            for view, seen in enumerate((pixels, pixels.flip(3))):
                inputs = image_inputs(tower(seen))
                whole[view, rows], places[view, rows] = inputs.whole.numpy(), inputs.places.numpy()
            advance(len(images))
    return whole, places


def _text_features(captions: list[str]) -> tuple[Arr, Arr]:
    tower = minilm.load_minilm()
    n = len(captions)
    states = np.zeros((n, MAX_TOKENS, minilm.WIDTH), np.float16)
    lengths = np.empty(n, np.int64)
    order = sorted(range(n), key=lambda row: len(captions[row]))
    with progress("Caption features", n, "captions") as advance:
        for start in range(0, n, CHUNK):
            rows = order[start : start + CHUNK]
            tokens = tower([captions[row] for row in rows])
            length = min(tokens.states.shape[1], MAX_TOKENS)
            states[rows, :length] = (tokens.states * tokens.mask[:, :, None])[:, :length].numpy()
            lengths[rows] = np.minimum(tokens.mask.sum(1).long().numpy(), MAX_TOKENS)
            advance(len(rows))
    return states, lengths


def standardise(weights: Parameters, photos: CaptionedPhotos, features: Features, rows: Arr) -> None:
    """Set the input means and spreads to those of the training photos and captions."""
    images = features.images(rows, np.zeros(len(rows), np.int64))
    starts = photos.starts
    captions = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
    parts = np.array_split(captions, min(20, len(captions)))
    texts = torch.cat([features.texts(part).pooled for part in parts])
    places = images.places.flatten(0, 1)
    for name, values in (("image.whole_", images.whole), ("image.place_", places), ("text.", texts)):
        weights[f"{name}mean"] = values.mean(0)
        # Some of the towers' outputs never vary; the constant keeps them near zero.
        weights[f"{name}std"] = values.std(0) + 1e-2


def train_heads(
    photos: CaptionedPhotos, features: Features, rows: Arr, *, epochs: int = EPOCHS, seed: int = 0
) -> Parameters:
    """Train heads on the photos of these rows."""
    weights = initial_weights(queries=2, hidden=512, dim=256, seed=seed)
    standardise(weights, photos, features, rows)
    learnt = [w.requires_grad_() for name, w in weights.items() if not name.endswith(("mean", "std"))]
    scale = torch.tensor(np.log(1 / 0.05), dtype=torch.float32, requires_grad=True)
    groups = [
        {"params": [w for w in learnt if w.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [*(w for w in learnt if w.ndim == 1), scale], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    batch = min(BATCH, len(rows))
    steps = epochs * (len(rows) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    target, starts = torch.arange(batch), photos.starts

    def some_captions(row: int) -> Arr:
        every = np.arange(starts[row], starts[row + 1])
        return rng.choice(every, CAPTIONS, replace=len(every) < CAPTIONS)

    with progress("Encoder heads", steps, "steps") as advance:
        for _ in range(epochs):
            order = rng.permutation(rows)
            for start in range(0, len(rows) - batch + 1, batch):
                chosen = order[start : start + batch]
                views = rng.integers(0, VIEWS, batch)
                captions = np.stack([some_captions(row) for row in chosen], axis=1)
                inputs = features.images(chosen, views)
                image = normalize(image_head(weights, inputs, dropout=DROPOUT))
                tokens = features.texts(captions.reshape(-1))
                text = normalize(text_head(weights, tokens, dropout=DROPOUT))
                loss = torch.zeros(())
                for part in torch.split(text, batch):
                    logits = image @ part.T * scale.exp().clamp(max=100)
                    loss = loss + (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
                loss = loss / CAPTIONS
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
                advance(1)
    return {name: tensor.detach() for name, tensor in weights.items()}
