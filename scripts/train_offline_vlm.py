"""Train the offline vision-language model from scratch (stage 1), projection and decoder, on captions.

    python -m scripts.train_offline_vlm --images DIR --captions captions.tsv --out MODEL

`captions.tsv` has lines `file name TAB caption`, five captions a photo (Flickr8k's layout). Photos that
`finegold.offline.captioner.is_held_out` names are not trained on.
"""

import argparse
from pathlib import Path

import torch

from finegold.offline.captioner import is_held_out
from finegold.tuning.offline.captioner import AGREED_STEPS, REWARDED_STEPS, STEPS, train_captioner
from finegold.tuning.offline.photos import read_photos


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--features", type=Path, help="folder where features are kept; default: in --out")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps on all captions")
    parser.add_argument("--agreed-steps", type=int, default=AGREED_STEPS)
    parser.add_argument("--rewarded-steps", type=int, default=REWARDED_STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    photos = read_photos(options.captions, options.images)
    kept = photos.subset([i for i, name in enumerate(photos.names) if not is_held_out(name)])
    train_captioner(
        kept,
        options.out,
        store=options.features or options.out / "features",
        steps=options.steps,
        agreed_steps=options.agreed_steps,
        rewarded_steps=options.rewarded_steps,
        seed=options.seed,
    )


if __name__ == "__main__":
    main()
