"""Flickr30k captions (Young et al. 2014, TACL 2:67)."""

from pathlib import Path

from finegold.errors import DataError
from finegold.evaluation.files import field, image_at, records
from finegold.evaluation.task import CAPTION_PROMPTS, Item, Source, Split, Task, add_task

_TOKEN = "results_20130124.token"
_KARPATHY = "dataset_flickr30k.json"
_IMAGES = "flickr30k-images/"
_SITE = "https://shannon.cs.illinois.edu/DenotationGraph/ (form)"
_TERMS = "captions CC BY-SA 3.0; photos: Flickr's terms, non-commercial research and education"
_CAPTIONS = Source(_TOKEN, _SITE, _TERMS)
_PHOTOS = Source(_IMAGES, _SITE, _TERMS, images=True)
_SPLITS = Source(
    _KARPATHY, "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip", "none stated"
)


def _read(folder: Path, split: Split) -> list[Item]:
    captions = _karpathy(folder) if split.name == "karpathy-test" else _token_file(folder / _TOKEN)
    return [
        Item(id=name, image=image_at(folder / _IMAGES, name, _TOKEN), references=tuple(references))
        for name, references in captions.items()
    ]


def _token_file(path: Path) -> dict[str, list[str]]:
    """Captions by image, images in order of first appearance, from lines `1.jpg#0 TAB caption`."""
    captions: dict[str, list[str]] = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            key, tab, caption = line.rstrip("\r\n").partition("\t")
            name, mark, _ = key.rpartition("#")
            if not tab or not mark:
                raise DataError(
                    f"{path.name} line {number} is {line[:60]!r}, expected an image, '#', a number, a tab "
                    "and a caption: it is not the published file"
                )
            captions.setdefault(name, []).append(caption)
    return captions


def _karpathy(folder: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = {}
    for row, record in enumerate(records(folder / _KARPATHY, "images")):
        place = f"{_KARPATHY} image {row}"
        if field(record, "split", str, place) == "test":
            sentences = field(record, "sentences", list, place)
            captions[field(record, "filename", str, place)] = [field(s, "raw", str, place) for s in sentences]
    return captions


add_task(
    Task(
        name="flickr30k",
        title="Flickr30k",
        kind="caption",
        version=1,
        folder="flickr30k",
        splits=(
            Split("ehub", 1000, (_CAPTIONS, _PHOTOS), "1,000 of all images, drawn with seed 0", sample=1000),
            Split("karpathy-test", 1000, (_SPLITS, _PHOTOS), "the usual test split"),
            Split("all", 31783, (_CAPTIONS, _PHOTOS), "all images, training images among them"),
        ),
        prompts=CAPTION_PROMPTS,
        read=_read,
    )
)
