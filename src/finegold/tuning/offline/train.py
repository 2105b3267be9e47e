"""Stage 1 of the offline model, all phases, from photos with captions to a folder."""

import random
from pathlib import Path

import torch

from finegold.tuning.offline.captioner import AGREED_CAPTIONS, EVERY_CAPTION, caption_data, new_model
from finegold.tuning.offline.network import image_features, save
from finegold.tuning.offline.photos import CaptionedPhotos, as_sentence
from finegold.tuning.offline.rewarded import learn_from_reward

STEPS, AGREED_STEPS, REWARDED_STEPS = 1900, 450, 300
"""Of finegold's own model, on 6,366 photos."""


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
    """Train a captioner and write it as a folder that `finegold.tuning` loads.

    Args:
        photos: All of them are trained on.
        out: Folder of the model.
        store: Folder where the photos' features are kept.
        steps: On all captions.
        agreed_steps: On those that agree most.
        rewarded_steps: On captions of its own, by how well they agree with the photo's.
        seed: Of the weights and of all draws. Equal seeds give equal models on one machine with equally many
            threads.
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
    save(model, tokenizer, out)
