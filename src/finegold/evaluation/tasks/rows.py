"""Two tasks over rows of one's own, held out from training: `caption` and `questions`.

Any dataset that `open_dataset` reads is a task: each answer is the reference to its question. A user names
the dataset with the task, as `questions=heldout.json`; fields and images with names of their own are said in
a file of sources (`samples/formats/mix.py`).
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from finegold.evaluation.reading import read_count
from finegold.evaluation.task import Item, Kind, Prompt, Split, Task, add_task
from finegold.metrics.normalise import normalise
from finegold.samples import Exclusion, ImageRef, Row, Sample, open_dataset
from finegold.samples.check import text_exclusion
from finegold.samples.order import ordered_turns
from finegold.samples.sources import field_text

KIND_FIELDS = ("kind", "category", "question_type")
"""Fields of a row that say what kind its questions are of; the first that a row has counts."""
_PROMPTS = {version: Prompt("{question}", 256) for version in ("ehub-2023-07", "ehub-2023-04", "direct")}
_NO_IMAGE = Exclusion("missing-image", "the row has no image, and an item of this task is about one image")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question of a row with its answer, before equal ones are put together.

    Attributes:
        id: The row's id, followed by the number of the turn if the row has several.
        image: The image, under a name that only this image has.
        earlier: Questions and answers of the turns before.
        question: The question.
        answer: The row's answer.
        kind: What the row says of its kind; None if nothing.
    """

    id: str
    image: ImageRef
    earlier: tuple[tuple[str, str], ...]
    question: str
    answer: str
    kind: str | None


def _read(data: str | None, kinds: bool, folder: Path, split: Split) -> list[Item]:  # noqa: ARG001
    """The items of a dataset: rows with the same image, question and earlier turns are one item."""
    where = data or (folder if folder.exists() else folder.parent)
    dataset = open_dataset(where)
    items: dict[Any, Item] = {}
    ids: set[str] = set()

    def unique(name: str, row: Row) -> str:
        found = name if name not in ids else f"{name} (row {row.index})"
        ids.add(found)
        return found

    for index, (place, record) in enumerate(dataset.records()):
        row = dataset.row(index, place, record)
        problem = _problem(row)
        if problem is not None:
            name = unique(row.id, row)
            items[name] = Item(name, ImageRef(row.place, data=b""), (), problem=problem)
            continue
        fields = dataset.fields(record)
        kind = next((text for name in KIND_FIELDS if (text := field_text(fields, name))), None)
        for one in _asked(row, kind):
            key = (one.image.name, one.earlier, one.question)
            known = items.get(key)
            if known is None:
                shown = one.kind or "all"
                items[key] = Item(
                    unique(one.id, row), one.image, (one.answer,), one.question, (), "", shown, one.earlier
                )
            elif one.answer not in known.references:
                items[key] = replace(known, references=(*known.references, one.answer))
    found = list(items.values())
    return [_with_kind(item) for item in found] if kinds else found


def _problem(row: Row) -> Exclusion | None:
    """Why a row is no item; None if it is one."""
    if row.sample is None:
        return row.exclusion
    if not row.sample.images:
        return _NO_IMAGE
    if len(row.sample.images) > 1:
        count = len(row.sample.images)
        return Exclusion(
            "several-images", f"the row has {count} images, and an item of this task is about one image"
        )
    return row.exclusion or text_exclusion(row.sample)


def _asked(row: Row, kind: str | None) -> Iterator[_Asked]:
    sample = row.sample
    assert sample is not None
    pairs = replace(sample, turns=tuple(ordered_turns(sample.turns))).pairs
    image = _named(sample)
    for number, (question, answer) in enumerate(pairs, 1):
        name = sample.id if len(pairs) == 1 else f"{sample.id}/{number}"
        earlier = tuple((one.question, one.answer) for one in pairs[: number - 1])
        yield _Asked(name, image, earlier, question, answer, kind)


def _named(sample: Sample) -> ImageRef:
    """The image under a name of its own: bytes in the data have none that tells them apart."""
    (image,) = sample.images
    if image.data is None:
        return image
    return replace(image, name=hashlib.sha256(image.data).hexdigest()[:16])


def _with_kind(item: Item) -> Item:
    """The item with the kind that its references show, if its row states none."""
    if item.category != "all" or item.problem is not None:
        return item
    said = {normalise(reference) for reference in item.references}
    if said <= {"yes", "no"}:
        return replace(item, category="yes/no")
    numbers = all(str(read_count(text)) == text for text in said)
    return replace(item, category="number" if numbers else "other")


def _label(data: str) -> str:
    """What tells tasks over several datasets apart: the name of the file or folder without its ending."""
    return re.sub(r"[^\w-]+", "-", Path(data).stem).strip("-") or "data"


def _task(name: str, title: str, kind: Kind, about: str, data: str | None = None) -> Task:
    label = "" if data is None else _label(data)
    return Task(
        name=f"{name}={label}" if label else name,
        title=f"{title}: {label}" if label else title,
        kind=kind,
        version=1,
        folder=name,
        splits=(Split("all", 0, (), about),),
        prompts=_PROMPTS,
        read=partial(_read, data, kind == "short"),
        data=data,
        over=partial(_task, name, title, kind, about),
    )


add_task(
    _task("caption", "Captions of your rows", "caption", "the rows of a dataset, whose answers are captions")
)
add_task(
    _task("questions", "Questions of your rows", "short", "the rows of a dataset, whose answers are short")
)
