"""ScienceQA (Lu et al. 2022, arXiv 2209.09513): multiple-choice school questions with an image.

Read from the authors' `problems.json` with its image folders, or from the Parquet files of the hub's
`derek-thomas/ScienceQA`, which LVLM-eHub uses; both hold the same items.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.evaluation.files import field, image_at
from finegold.evaluation.task import Item, Source, Split, Task, add_task, question_prompts
from finegold.samples import ImageRef
from finegold.samples.json_text import read_json
from finegold.samples.parquet_pages import open_parquet

_TERMS = "CC BY-NC-SA 4.0"
_PROBLEMS = "problems.json"
_PARQUET = Source(
    "data/", "https://huggingface.co/datasets/derek-thomas/ScienceQA", _TERMS, instead=_PROBLEMS
)


def _read(folder: Path, split: Split) -> list[Item]:
    rows = _problems(folder, split.name) if (folder / _PROBLEMS).exists() else _parquet(folder, split.name)
    return [_item(number, image, record, place) for number, image, record, place in rows]


def _item(number: str, image: ImageRef, record: Any, place: str) -> Item:
    choices = tuple(str(choice) for choice in field(record, "choices", list, place))
    right = field(record, "answer", int, place)
    if not 0 <= right < len(choices):
        raise DataError(
            f"{place} has the answer {right} of {len(choices)} choices: it is not the published file"
        )
    return Item(
        id=number,
        image=image,
        question=field(record, "question", str, place),
        choices=choices,
        references=(choices[right],),
        context=record.get("hint") or "",
        category=record.get("subject") or "all",
    )


def _problems(folder: Path, split: str) -> Iterator[tuple[str, ImageRef, Any, str]]:
    problems = read_json(folder / _PROBLEMS)
    if not isinstance(problems, dict):
        raise DataError(f"{_PROBLEMS} holds no object of problems: it is not the published file")
    for number, record in problems.items():
        place = f"{_PROBLEMS} problem {number}"
        if field(record, "split", str, place) == split and record.get("image"):
            name = f"{split}/{number}/{field(record, 'image', str, place)}"
            yield number, image_at(folder, name, place), record, place


def _parquet(folder: Path, split: str) -> Iterator[tuple[str, ImageRef, Any, str]]:
    wanted = ["image", "question", "choices", "answer", "hint", "subject"]
    files = sorted((folder / _PARQUET.path).glob(f"{split}-*.parquet"))
    if not files:
        raise DataError(
            f"{folder / _PARQUET.path} holds no file {split}-*.parquet: get it from {_PARQUET.url} ({_TERMS})"
        )
    position = 0
    for file in files:
        for batch in open_parquet(file).iter_batches(batch_size=64, columns=wanted):
            for record in batch.to_pylist():
                number = f"{position:04d}"
                position += 1
                if record["image"] is not None:
                    ref = ImageRef(number, data=record["image"]["bytes"])
                    yield number, ref, record, f"{file.name} row {position}"


add_task(
    Task(
        name="scienceqa",
        title="ScienceQA (images)",
        kind="choice",
        version=1,
        folder="scienceqa",
        splits=(
            Split("test", 2017, (_PARQUET,), "test questions with an image"),
            Split("val", 2097, (_PARQUET,), "validation questions with an image"),
        ),
        prompts=question_prompts(
            "Question: {question}\nOptions: {options}\n",
            "{context}{question}\n{lettered}\nAnswer with the letter of the right choice.",
        ),
        read=_read,
        fitted_by=("mm-lima",),
    )
)
