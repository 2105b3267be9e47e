"""Measure a projected-prefix model on the photos that the offline model never saw.

    python -m scripts.evaluate_offline_vlm --images DIR --captions captions.tsv [--model offline]

Prints the loss of the held-out captions with the right and with a wrong photo, CIDEr-D of greedy one-
sentence captions of 500 held-out photos (five references, idf over these 500), and captions to look at, from
best to worst.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from finegold.metrics import caption_tokens, cider_d
from finegold.models import Sampling, load_model
from finegold.offline.captioner import DETAIL_INSTRUCTIONS, ONE_SENTENCE, is_held_out
from finegold.tuning.offline.photos import as_sentence, read_photos

PHOTOS = 500


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--model", default="offline")
    parser.add_argument("--instruction", default=ONE_SENTENCE)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    photos = read_photos(options.captions, options.images)
    chosen = photos.subset([i for i, name in enumerate(photos.names) if is_held_out(name)][:PHOTOS])
    with tempfile.TemporaryDirectory() as features:
        evaluate(options.model, chosen.names, chosen.captions, options.images, options.instruction, features)


def evaluate(
    name: str,
    names: Sequence[str],
    captions: Sequence[Sequence[str]],
    folder: Path,
    instruction: str,
    features: str,
) -> None:
    references = [[as_sentence(c) for c in several] for several in captions]
    images = [Image.open(folder / n).convert("RGB") for n in names]
    model = load_model(name, device="cpu", features=Path(features))
    joined = [[" ".join(texts)] for texts in references]
    for what, prompt, answers in (
        ("single captions", ONE_SENTENCE, references),
        ("five joined", DETAIL_INSTRUCTIONS[0], joined),
    ):
        texts = [text for several in answers for text in several]
        rows = [row for row, several in enumerate(answers) for _ in several]
        right, wrong = (
            np.concatenate(
                model.losses(
                    [images[(row + shift) % len(images)] for row in rows],
                    [prompt] * len(texts),
                    texts,
                    max_tokens=160,
                    batch_size=32,
                )
            ).mean(dtype=np.float64)
            for shift in (0, 1)
        )
        print(f"loss on {what}: right {right:.3f}, wrong {wrong:.3f}, gap {wrong - right:.3f} nats a token")
    said: list[str] = []
    for start in range(0, len(names), 50):
        part = images[start : start + 50]
        said += [str(text) for text in model.answer(part, [instruction] * len(part), Sampling(40))]
    scores = cider_d(
        [caption_tokens(text) for text in said],
        [[caption_tokens(text) for text in several] for several in references],
    )
    print(
        f"CIDEr-D {sum(scores) / len(scores):.3f} on {len(scores)} photos; {len(set(said))} different "
        "captions"
    )
    ranked = sorted(range(len(names)), key=lambda i: -scores[i])
    for place in range(10):
        i = ranked[round(place * (len(ranked) - 1) / 9)]
        print(f"{scores[i]:.2f} | {names[i]} | {said[i]} | {references[i][0]}")


if __name__ == "__main__":
    main()
