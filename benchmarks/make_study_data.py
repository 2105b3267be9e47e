"""Photos for a study on Flickr8k: those that a pool does not show, in Flickr30k's published layout.

    python benchmarks/make_study_data.py FLICKR8K POOL.json OUT [--photos 500]

writes OUT/flickr30k with captions as sentences, five a photo. Photos are taken evenly spaced from the sorted
names of those that are not in the pool.
"""

import argparse
import json
from pathlib import Path

from finegold.tuning.offline.photos import as_sentence, read_photos


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Photos that a pool does not show, as Flickr30k.")
    parser.add_argument("flickr8k", type=Path, help="folder with captions.tsv and images/")
    parser.add_argument("pool", type=Path, help="rows in LLaVA's format")
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", type=int, default=500)
    options = parser.parse_args()
    shown = {record["image"] for record in json.loads(options.pool.read_text(encoding="utf-8"))}
    every = read_photos(options.flickr8k / "captions.tsv", options.flickr8k / "images")
    free = [row for row, name in enumerate(every.names) if name not in shown]
    count = min(options.photos, len(free))
    chosen = every.subset([free[i * len(free) // count] for i in range(count)])
    images = options.out / "flickr30k" / "flickr30k-images"
    images.mkdir(parents=True)
    lines = []
    for name, captions in zip(chosen.names, chosen.captions, strict=True):
        (images / name).symlink_to((every.folder / name).resolve())
        lines += [f"{name}#{number}\t{as_sentence(text)}\n" for number, text in enumerate(captions)]
    (options.out / "flickr30k" / "results_20130124.token").write_text("".join(lines), encoding="utf-8")
    print(f"{count} of {len(free)} photos that the pool does not show, in {options.out}")


if __name__ == "__main__":
    main()
