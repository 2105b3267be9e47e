"""LLaVA-Bench, COCO and In-the-Wild (Liu et al. 2023, arXiv 2304.08485): answers for a judge."""

from pathlib import Path
from typing import Any

from finegold.evaluation.files import field, image_at, json_lines
from finegold.evaluation.task import Item, Prompt, Source, Split, Task, add_task

_PROMPTS = {version: Prompt("{question}", 256) for version in ("ehub-2023-07", "ehub-2023-04", "direct")}
_LLAVA = "https://github.com/haotian-liu/LLaVA/tree/main/playground/data"
_WILD_SITE = "https://huggingface.co/datasets/liuhaotian/llava-bench-in-the-wild"
_COCO = Source("coco2014_val_gpt4_qa_30x3.jsonl", _LLAVA, "CC BY-NC 4.0, OpenAI's terms")
_COCO_IMAGES = Source(
    "val2014/", "http://images.cocodataset.org/zips/val2014.zip", "COCO: Flickr's terms", images=True
)
_WILD = Source("questions.jsonl", _WILD_SITE, "research")
_WILD_IMAGES = Source("images/", _WILD_SITE, "research", images=True)


def _item(number: int, record: Any, place: str, images: Path, question: str, category: str) -> Item:
    return Item(
        id=str(number),
        image=image_at(images, field(record, "image", str, place), place),
        question=field(record, question, str, place),
        references=(),
        category=field(record, category, str, place),
    )


def _read_coco(folder: Path, _: Split) -> list[Item]:
    # The file's own id is the image's; LLaVA numbers the questions by their position.
    lines = enumerate(json_lines(folder / _COCO.path))
    images = folder / _COCO_IMAGES.path
    return [_item(row, record, place, images, "instruction", "type") for row, (place, record) in lines]


def _read_wild(folder: Path, _: Split) -> list[Item]:
    images = folder / _WILD_IMAGES.path
    return [
        _item(field(record, "question_id", int, place), record, place, images, "text", "category")
        for place, record in json_lines(folder / _WILD.path)
    ]


add_task(
    Task(
        name="llava-bench-coco",
        title="LLaVA-Bench (COCO)",
        kind="free",
        version=1,
        folder="llava-bench-coco",
        splits=(Split("all", 90, (_COCO, _COCO_IMAGES), "30 images with three questions each"),),
        prompts=_PROMPTS,
        read=_read_coco,
    )
)
add_task(
    Task(
        name="llava-bench-wild",
        title="LLaVA-Bench (In-the-Wild)",
        kind="free",
        version=1,
        folder="llava-bench-wild",
        splits=(Split("all", 60, (_WILD, _WILD_IMAGES), "24 images, 60 questions"),),
        prompts=_PROMPTS,
        read=_read_wild,
    )
)
