"""How long the offline models will take to train, from a few steps on random features."""

import random
import time

import numpy as np
import torch
from PIL import Image

from finegold.encoders import minilm
from finegold.encoders.offline.heads import GLOBAL_WIDTH, PLACE_WIDTH, PLACES
from finegold.study.stage1.captioner import (
    AGREED_CAPTIONS,
    EVERY_CAPTION,
    caption_data,
    new_model,
)
from finegold.study.stage1.heads import (
    LONGEST,
    VIEWS,
    Features,
    HeadSettings,
    flatten,
    train,
)
from finegold.study.stage1.network import IMAGE_TOKENS, IMAGE_WIDTH
from finegold.study.stage1.photos import CaptionedPhotos
from finegold.study.study import Offline
from finegold.tuning.features import EfficientNetFeatures

PHOTOS = 16
TEXTS = 128
STEPS = 6


def time_stage1(settings: Offline, photos: CaptionedPhotos, *, heads_done: bool) -> float:
    """Seconds from photos to models.

    Args:
        settings: How they will be trained.
        photos: On which.
        heads_done: Whether only the captioner is left.
    """
    count = len(photos.names)
    image = _per_image(photos)
    # Photos and their mirror images go through the tower once for the captioner and once for the heads.
    seconds = VIEWS * count * image + _captioner(settings, photos)
    if not heads_done:
        captions = sum(len(several) for several in photos.captions)
        seconds += VIEWS * count * image + captions * _per_caption(photos) + _heads(settings, photos)
    return seconds


def _per_image(photos: CaptionedPhotos) -> float:
    tower = EfficientNetFeatures()
    pictures = [Image.open(photos.folder / name).convert("RGB") for name in photos.names[:PHOTOS]]
    tower.encode(pictures[:2])
    begin = time.perf_counter()
    tower.encode(pictures)
    return (time.perf_counter() - begin) / len(pictures)


def _per_caption(photos: CaptionedPhotos) -> float:
    texts = sorted((text for several in photos.captions for text in several), key=len)
    # Evenly spaced lengths, in batches of alike ones, as in the training.
    some = [texts[round(i * (len(texts) - 1) / (TEXTS - 1))] for i in range(TEXTS)]
    tower = minilm.load()
    tower(some[:4])
    begin = time.perf_counter()
    for start in range(0, TEXTS, 32):
        tower(some[start : start + 32])
    return (time.perf_counter() - begin) / TEXTS


def _heads(settings: Offline, photos: CaptionedPhotos) -> float:
    options = HeadSettings(epochs=2, seed=settings.seed)
    rows = min(options.batch, len(photos.names))
    data = flatten(photos.subset(range(rows)))
    rng = np.random.default_rng(0)
    captions = len(data.captions)
    features = Features(
        rng.standard_normal((VIEWS, rows, GLOBAL_WIDTH)).astype(np.float16),
        rng.standard_normal((VIEWS, rows, PLACES, PLACE_WIDTH)).astype(np.float16),
        rng.standard_normal((captions, LONGEST, minilm.WIDTH)).astype(np.float16),
        np.minimum([len(text.split()) + 3 for text in data.captions], LONGEST),
    )
    begin = time.perf_counter()
    train(data, features, np.arange(rows), options)
    step = (time.perf_counter() - begin) / options.epochs
    return settings.epochs * (len(photos.names) // rows) * step


def _captioner(settings: Offline, photos: CaptionedPhotos) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        begin = time.perf_counter()
        views = [torch.rand(len(photos.names), IMAGE_TOKENS, IMAGE_WIDTH).half()] * VIEWS
        data, _ = caption_data(photos, views)
        model, draw = new_model(data), random.Random(0)
        seconds = time.perf_counter() - begin
        for phase, steps in ((EVERY_CAPTION, settings.steps), (AGREED_CAPTIONS, settings.agreed_steps)):
            phase.learn(model, data, 2, draw)
            begin = time.perf_counter()
            phase.learn(model, data, STEPS, draw)
            seconds += steps * (time.perf_counter() - begin) / STEPS
        return seconds
    finally:
        torch.set_num_threads(threads)
