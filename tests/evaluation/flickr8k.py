"""Photos of Flickr8k in Flickr30k's published layout, for runs with real pictures.

    python -m tests.evaluation.flickr8k FLICKR8K OUT [COUNT]

writes OUT/flickr30k/ with COUNT photos that the offline model never saw first, then others, all in name
order.
"""

import sys
from pathlib import Path

from finegold.offline.captioner import is_held_out


def captions_of(flickr8k: Path) -> dict[str, list[str]]:
    """Five captions by photo."""
    captions: dict[str, list[str]] = {}
    for line in (flickr8k / "captions.tsv").read_text("utf-8").splitlines():
        name, caption = line.split("\t", 1)
        captions.setdefault(name, []).append(caption)
    return captions


def held_out_first(names: list[str]) -> list[str]:
    """Photos that the offline model was kept from, then the others."""
    return sorted(names, key=lambda name: (not is_held_out(name), name))


def write_layout(flickr8k: Path, data: Path, names: list[str]) -> None:
    """Write `flickr30k/` below a folder."""
    captions = captions_of(flickr8k)
    images = data / "flickr30k" / "flickr30k-images"
    images.mkdir(parents=True)
    lines = []
    for name in names:
        (images / name).symlink_to((flickr8k / "images" / name).resolve())
        lines += [f"{name}#{number}\t{caption}\n" for number, caption in enumerate(captions[name])]
    (data / "flickr30k" / "results_20130124.token").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    write_layout(source, target, held_out_first(sorted(captions_of(source)))[:count])
