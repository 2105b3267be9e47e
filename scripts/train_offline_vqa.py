"""Train the offline vision-language model that answers, from the weights of the one that captions.

    python -m scripts.train_offline_vqa --images DIR --captions captions.tsv --shapes DIR --out MODEL

`captions.tsv` has lines `file name TAB caption`, five captions a photo (Flickr8k's layout). Photos that
`finegold.offline.captioner.is_held_out` names are not trained on. `--shapes` is the folder `easy_vqa/data` of
the package `easy_vqa` (`pip install --no-deps easy_vqa`); of it only the part `train` is read. With `--blind`
the model sees the same mean features for every image: it learns what the questions tell without looking.
"""

import argparse
from pathlib import Path

import torch

from finegold.offline.captioner import is_held_out
from finegold.tuning.offline.answerer import DRAWS, REWARDED_STEPS, STEPS, read_shapes, train_answerer
from finegold.tuning.offline.photos import read_photos


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--shapes", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--features", type=Path, help="folder where features are kept; default: in --out")
    parser.add_argument("--start", default="offline", help="model whose weights the training starts from")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps on captions and questions")
    parser.add_argument("--rewarded-steps", type=int, default=REWARDED_STEPS)
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws of questions from a photo's captions")
    parser.add_argument("--blind", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    photos = read_photos(options.captions, options.images)
    train_answerer(
        photos.subset([i for i, name in enumerate(photos.names) if not is_held_out(name)]),
        read_shapes(options.shapes / "train"),
        options.out,
        store=options.features or options.out / "features",
        start=options.start,
        steps=options.steps,
        rewarded_steps=options.rewarded_steps,
        draws=options.draws,
        blind=options.blind,
        seed=options.seed,
    )


if __name__ == "__main__":
    main()
