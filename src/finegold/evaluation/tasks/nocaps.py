"""NoCaps captions of novel objects (Agrawal et al. 2019, arXiv 1812.08658)."""

from pathlib import Path

from finegold.errors import DataError
from finegold.evaluation.files import field, image_at, records_in
from finegold.evaluation.task import CAPTION_PROMPTS, Item, Source, Split, Task, add_task
from finegold.samples.json_text import read_json

_CAPTIONS = "nocaps_val_4500_captions.json"
_IMAGES = "val_imgs/"
_SITE = "https://nocaps.org/download"
_PHOTOS = Source(_IMAGES, f"{_SITE} (the coco_url of each image)", "Open Images: CC BY 2.0", images=True)


def _read(folder: Path, _: Split) -> list[Item]:
    content = read_json(folder / _CAPTIONS)
    captions: dict[int, list[str]] = {}
    for row, record in enumerate(records_in(content, folder / _CAPTIONS, "annotations")):
        place = f"{_CAPTIONS} annotation {row}"
        caption = field(record, "caption", str, place)
        captions.setdefault(field(record, "image_id", int, place), []).append(caption)
    items = []
    for row, record in enumerate(records_in(content, folder / _CAPTIONS, "images")):
        place = f"{_CAPTIONS} image {row}"
        number = field(record, "id", int, place)
        if number not in captions:
            raise DataError(f"{place} (id {number}) has no caption: it is not the published file")
        items.append(
            Item(
                id=str(number),
                image=image_at(folder / _IMAGES, field(record, "file_name", str, place), place),
                references=tuple(captions[number]),
                category=str(record.get("domain", "all")),
            )
        )
    return items


add_task(
    Task(
        name="nocaps",
        title="NoCaps",
        kind="caption",
        version=1,
        folder="nocaps",
        splits=(
            Split(
                "val",
                4500,
                (Source(_CAPTIONS, _SITE, "CC BY 2.0"), _PHOTOS),
                "the validation images, ten captions each; the test captions are not public",
            ),
        ),
        prompts=CAPTION_PROMPTS,
        read=_read,
    )
)
