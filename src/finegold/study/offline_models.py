"""The offline encoder and captioner that a study trains for itself, once."""

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.extras import require
from finegold.run import fingerprint, write_json
from finegold.study.folder import StudyFolder, finish, finished
from finegold.study.study import Offline
from finegold.tuning.offline.photos import CaptionedPhotos, read_photos

FEWEST = 8
"""Photos without which nothing is learnt at all."""


def training_photos(settings: Offline, seen: Collection[str]) -> tuple[CaptionedPhotos, int]:
    """The photos to train on, and how many are not used.

    Args:
        settings: Where they are.
        seen: Hex sha256 of the files of the pool and the evaluation.

    Raises:
        DataError: If too few are left.
    """
    every = read_photos(Path(settings.captions), Path(settings.images))
    kept = every.without(seen)
    if len(kept.names) < FEWEST:
        raise DataError(
            f"of the {len(every.names)} photos of {Path(settings.captions).name} {len(kept.names)} are in "
            f"neither the pool nor the evaluation, expected at least {FEWEST} to train the offline models on"
        )
    return kept, len(every.names) - len(kept.names)


def place(folder: StudyFolder, settings: Offline, photos: CaptionedPhotos) -> Path:
    """Folder where the models of these settings and photos are or will be."""
    depends = settings.model_dump(exclude={"captions", "images"})
    return folder.path / f"stage1-{fingerprint(depends | {'photos': photos.identity(), 'version': 1})}"


def train_offline_models(
    folder: StudyFolder, settings: Offline, photos: CaptionedPhotos, skipped: int
) -> tuple[Path, dict[str, Any]]:
    """Train heads and captioner, or find them; a killed training continues with what was not finished.

    Args:
        folder: The study's folder.
        settings: Settings of the trainings.
        photos: Photos to train on.
        skipped: Number of photos that are in the pool or the evaluation, for the record.

    Returns:
        Folder with `heads.safetensors` and `model`, and numbers of `photos` trained on and `left_out`.
    """
    where = place(folder, settings, photos)
    found = finished(where)
    if found is None:
        with folder.run.step("stage1", photos=len(photos.names)):
            found = _train(where, settings, photos, skipped)
    return where, found


def _train(where: Path, settings: Offline, photos: CaptionedPhotos, skipped: int) -> dict[str, Any]:
    torch = require("torch", extra="offline", why="training offline models")
    import numpy as np

    from finegold.offline.heads import save_heads
    from finegold.tuning.offline.captioner import train_captioner
    from finegold.tuning.offline.heads import compute_features, train_heads

    heads, model = where / "heads.safetensors", where / "model"
    if (part := finished(where / "heads")) is None:
        begin = time.perf_counter()
        features = compute_features(photos, where / "features")
        rows = np.arange(len(photos.names))
        save_heads(train_heads(photos, features, rows, epochs=settings.epochs, seed=settings.seed), heads)
        part = {"seconds": time.perf_counter() - begin}
        (where / "heads").mkdir(exist_ok=True)
        finish(where / "heads", part)
    begin = time.perf_counter()
    threads = torch.get_num_threads()
    # One thread takes less time in all, and gives equal bits wherever the study continues.
    torch.set_num_threads(1)
    try:
        train_captioner(
            photos,
            model,
            store=where / "features",
            steps=settings.steps,
            agreed_steps=settings.agreed_steps,
            seed=settings.seed,
        )
    finally:
        torch.set_num_threads(threads)
    spent = part["seconds"] + time.perf_counter() - begin
    write_json(where / "photos.json", list(photos.names))
    facts = {"photos": len(photos.names), "left_out": skipped, "seconds": spent}
    finish(where, facts)
    return facts
