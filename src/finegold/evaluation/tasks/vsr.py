"""Visual Spatial Reasoning (Liu, Emerson and Collier 2023, arXiv 2205.00363): is a spatial caption true?"""

from pathlib import Path

from finegold.errors import DataError
from finegold.evaluation.files import field, image_at, json_lines
from finegold.evaluation.task import Item, Source, Split, Task, add_task, question_prompts

_SITE = "https://github.com/cambridgeltl/visual-spatial-reasoning/tree/master/data"
_IMAGES = Source("images/", f"{_SITE} (COCO train2017 and val2017)", "COCO: Flickr's terms", images=True)
_CHOICES = ("No", "Yes")


def _source(path: str) -> tuple[Source, Source]:
    return Source(path, _SITE, "Apache-2.0; captions CC BY 4.0"), _IMAGES


def _read(folder: Path, split: Split) -> list[Item]:
    items: list[Item] = []
    for place, record in json_lines(folder / split.sources[0].path):
        label = field(record, "label", int, place)
        if label not in (0, 1):
            raise DataError(f"{place} has the label {label}, expected 0 or 1: it is not the published file")
        items.append(
            Item(
                id=f"{len(items):05d}",
                image=image_at(folder / _IMAGES.path, field(record, "image", str, place), place),
                question=f"Is the following caption right? {field(record, 'caption', str, place)}",
                choices=_CHOICES,
                references=(_CHOICES[label],),
                category=str(record.get("relation", "all")),
            )
        )
    return items


add_task(
    Task(
        name="vsr",
        title="VSR",
        kind="yes-no",
        version=1,
        folder="vsr",
        splits=(
            Split(
                "ehub",
                10972,
                _source("all_vsr_validated_data.jsonl"),
                "all validated rows, training rows too",
            ),
            Split("zeroshot-test", 1222, _source("splits/zeroshot/test.jsonl"), "the zero-shot test split"),
            Split("random-test", 2195, _source("splits/random/test.jsonl"), "the random test split"),
        ),
        prompts=question_prompts(
            "Question: {question}\nOptions: {options}\n", "{question}\nAnswer with yes or no."
        ),
        read=_read,
    )
)
