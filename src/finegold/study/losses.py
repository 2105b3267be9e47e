"""How likely the true captions of held-out images are, with their own image and with another one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finegold.arrays import Floats
from finegold.errors import RunError
from finegold.evaluation.tasks import find_tasks
from finegold.models.prefix.template import encode_answer, encode_prompt
from finegold.offline.captioner import DETAIL_INSTRUCTIONS
from finegold.run import write_json
from finegold.samples import ImageRef
from finegold.samples.images import decode
from finegold.study.task_items import TaskSpec

if TYPE_CHECKING:
    from finegold.models.prefix.network import PrefixNetwork

FILE = "losses.json"
LONGEST = 160
"""Tokens of an answer."""
KINDS = ("single", "joined")
"""The first reference of an image after the task's prompt; all of them joined, asked for in detail."""


def write_losses(where: Path, model: "PrefixNetwork", ask: TaskSpec) -> None:
    """Measure the reference captions of a caption task, unless that is done.

    An image's references are its own; the wrong image is that of the next item.

    Args:
        where: Folder of the model's answers.
        model: What answered.
        ask: The task.
    """
    if (where / FILE).exists():
        return
    items = ask.read()
    (task,) = find_tasks([ask.task])
    single = [[item.references[0]] for item in items]
    joined = [[" ".join(item.references)] for item in items]
    prompts = (task.prompt(ask.prompts).render(items[0]), DETAIL_INSTRUCTIONS[0])
    images = [item.image for item in items]
    found: dict[str, Any] = {
        kind: item_losses(model, images, texts, prompt, ask.batch).tolist()
        for kind, texts, prompt in zip(KINDS, (single, joined), prompts, strict=True)
    }
    write_json(where / FILE, {"images": [image.name for image in images], **found})


def item_losses(
    model: "PrefixNetwork",
    images: Sequence[ImageRef],
    texts: Sequence[Sequence[str]],
    prompt: str,
    batch: int,
) -> Floats:
    """Losses of each image's texts.

    Returns:
        Shape (images, 3): nats with the right image, nats with the wrong one, tokens.
    """
    import torch

    asked = encode_prompt(model.tokenizer, model.template, prompt)
    sums = np.zeros((len(images), 3))
    features = torch.cat(
        [
            model.features.encode([decode(image) for image in images[start : start + batch]])
            for start in range(0, len(images), batch)
        ]
    )
    told = [
        (row, encode_answer(model.tokenizer, model.template, text, LONGEST).ids)
        for row, own in enumerate(texts)
        for text in own
    ]
    # Texts of like length together, so that little is padding.
    told.sort(key=lambda one: len(one[1]))
    with torch.inference_mode():
        for start in range(0, len(told), batch):
            part = told[start : start + batch]
            rows = np.array([row for row, _ in part])
            group = model.collate([asked] * len(part), [ids for _, ids in part])
            for column, shift in enumerate((0, 1)):
                shown = features[(rows + shift) % len(images)].to(model.device)
                np.add.at(sums[:, column], rows, model.row_losses(group, shown).cpu().numpy())
            np.add.at(sums[:, 2], rows, [len(ids) for _, ids in part])
    return sums


def read_losses(where: Path) -> tuple[list[str], dict[str, Floats]] | None:
    """Images of a caption task, and sums of each of `KINDS`; None if none were measured.

    Raises:
        RunError: If the file is damaged.
    """
    path = where / FILE
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found["images"], {kind: np.array(found[kind]) for kind in KINDS}
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path} is damaged: remove it and its done.json, and run the study again") from None
