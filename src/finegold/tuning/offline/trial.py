"""Estimate of the time that training the offline models takes, from a few steps on random features."""

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image

from finegold.models.prefix.features import EfficientNetFeatures
from finegold.offline import minilm
from finegold.offline.heads import GLOBAL_WIDTH, PLACE_WIDTH, PLACES
from finegold.tuning.offline.captioner import AGREED_CAPTIONS, EVERY_CAPTION, caption_data, new_model
from finegold.tuning.offline.heads import BATCH, MAX_TOKENS, VIEWS, Features, train_heads
from finegold.tuning.offline.network import IMAGE_TOKENS, IMAGE_WIDTH
from finegold.tuning.offline.photos import CaptionedPhotos

PHOTOS, TEXTS, STEPS = 16, 128, 6


def time_stage1(
    photos: CaptionedPhotos, *, epochs: int, steps: int, agreed_steps: int, seed: int, heads_done: bool
) -> float:
    """Estimate the seconds from photos to models.

    Args:
        photos: Photos to train on.
        epochs: Epochs of the encoder's heads.
        steps: Steps of the captioner on all captions.
        agreed_steps: Steps of the captioner on the captions that agree most.
        seed: Seed of both trainings.
        heads_done: Whether the heads are trained already.
    """
    count = len(photos.names)
    image = _per_image(photos)
    # Photos and their mirror images go through the tower once for the captioner and once for the heads.
    seconds = VIEWS * count * image + _captioner(photos, steps, agreed_steps)
    if not heads_done:
        captions = sum(len(several) for several in photos.captions)
        seconds += VIEWS * count * image + captions * _per_caption(photos) + _heads(photos, epochs, seed)
    return seconds


def _seconds(run: Callable[..., object], *arguments: Any) -> float:
    begin = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - begin


def _per_image(photos: CaptionedPhotos) -> float:
    tower = EfficientNetFeatures()
    images = [Image.open(photos.folder / name).convert("RGB") for name in photos.names[:PHOTOS]]
    tower.encode(images[:2])
    return _seconds(tower.encode, images) / len(images)


def _per_caption(photos: CaptionedPhotos) -> float:
    texts = sorted((text for several in photos.captions for text in several), key=len)
    # Evenly spaced lengths, in batches of like length, as in training.
    some = [texts[round(i * (len(texts) - 1) / (TEXTS - 1))] for i in range(TEXTS)]
    tower = minilm.load_minilm()
    tower(some[:4])
    return _seconds(lambda: [tower(some[at : at + 32]) for at in range(0, TEXTS, 32)]) / TEXTS


def _heads(photos: CaptionedPhotos, epochs: int, seed: int) -> float:
    rows = min(BATCH, len(photos.names))
    few = photos.subset(range(rows))
    rng = np.random.default_rng(0)
    lengths = [len(text.split()) + 3 for several in few.captions for text in several]
    features = Features(
        rng.standard_normal((VIEWS, rows, GLOBAL_WIDTH)).astype(np.float16),
        rng.standard_normal((VIEWS, rows, PLACES, PLACE_WIDTH)).astype(np.float16),
        rng.standard_normal((len(lengths), MAX_TOKENS, minilm.WIDTH)).astype(np.float16),
        np.minimum(lengths, MAX_TOKENS),
    )
    seconds = _seconds(lambda: train_heads(few, features, np.arange(rows), epochs=2, seed=seed))
    return epochs * (len(photos.names) // rows) * seconds / 2


def _captioner(photos: CaptionedPhotos, steps: int, agreed_steps: int) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        begin = time.perf_counter()
        views = [torch.rand(len(photos.names), IMAGE_TOKENS, IMAGE_WIDTH).half()] * VIEWS
        data, _ = caption_data(photos, views)
        model, draw = new_model(data), random.Random(0)
        seconds = time.perf_counter() - begin
        for phase, count in ((EVERY_CAPTION, steps), (AGREED_CAPTIONS, agreed_steps)):
            phase.learn(model, data, 2, draw)
            seconds += count * _seconds(phase.learn, model, data, STEPS, draw) / STEPS
        return seconds
    finally:
        torch.set_num_threads(threads)
