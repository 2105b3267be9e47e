"""Train the two heads of the encoder `offline` on photos with captions, and measure them on held-out photos.

    python scripts/train_offline_encoder.py --images DIR --captions TSV --out FILE [--exclude FILE]

TSV has one `image<TAB>caption` a line, each image several times.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import normalize

from finegold.offline.heads import Parameters, image_head, load_heads, save_heads, text_head
from finegold.tuning.offline.heads import Features, compute_features, train_heads
from finegold.tuning.offline.photos import CaptionedPhotos, read_photos


def measure(
    weights: Parameters, photos: CaptionedPhotos, features: Features, rows: np.ndarray, seed: int
) -> dict[str, float]:
    """Retrieval among, and matched against mismatched pairs of, the given photos.

    Returns:
        text_to_image_r1 and text_to_image_r5: share of the captions of these photos whose photo is among the
        1 or 5 nearest of all these photos. image_to_text_r1: share of photos whose nearest caption is one of
        theirs. auc: area under the ROC curve of the cosine, every caption with its photo against the same
        caption with another photo.
    """
    with torch.inference_mode():
        image = normalize(image_head(weights, features.images(rows, np.zeros(len(rows), np.int64))))
        starts = photos.starts
        counts = np.diff(starts)[rows]
        captions = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
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
    parser.add_argument("--exclude", type=Path, help="file of photo names, one a line, that are not used")
    parser.add_argument(
        "--holdout", type=int, default=1000, help="number of photos to measure on, which are not trained on"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the holdout, the weights and the batches"
    )
    parser.add_argument("--cache", type=Path, default=Path("features"), help="folder for the features")
    options = parser.parse_args()

    photos = read_photos(options.captions, options.images)
    features = compute_features(photos, options.cache)
    excluded = set(options.exclude.read_text(encoding="utf-8").split()) if options.exclude else set()
    free = [row for row, name in enumerate(photos.names) if name not in excluded]
    order = np.random.default_rng(options.seed).permutation(np.array(free))
    held_out, rows = order[: options.holdout], np.sort(order[options.holdout :])
    print(f"{len(rows)} photos to train on, {len(held_out)} held out, {len(excluded)} excluded", flush=True)
    begin = time.process_time()
    weights = train_heads(photos, features, rows, seed=options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_heads(weights, options.out)
    sizes = {
        "weights": sum(tensor.numel() for tensor in weights.values()),
        "bytes": options.out.stat().st_size,
        "cpu_seconds": round(time.process_time() - begin),
    }
    # Measured on what was written, in its reduced precision.
    scores = measure(load_heads(options.out), photos, features, held_out, options.seed)
    sha256 = hashlib.sha256(options.out.read_bytes()).hexdigest()
    print(json.dumps({"trained_on": len(rows), **sizes, **scores, "sha256": sha256}, indent=1))


if __name__ == "__main__":
    main()
