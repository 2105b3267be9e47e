"""How likely the true captions of held-out images are, with their own image and with another one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finegold.arrays import Floats
from finegold.errors import RunError
from finegold.evaluation.task import Item
from finegold.evaluation.tasks import find_tasks
from finegold.run import write_json
from finegold.samples.images import decode
from finegold.study.study import Evaluation
from finegold.tuning.template import encode_answer, encode_prompt

if TYPE_CHECKING:
    from finegold.tuning.prefix_model import PrefixModel

FILE = "losses.json"
METRICS = ("loss, right image", "loss, wrong image", "gap")
LONGEST = 160


def caption_items(asked: Evaluation) -> dict[str, list[Item]]:
    """The items of the caption tasks, by task."""
    found = {}
    for task in find_tasks(list(asked.tasks)):
        if task.kind == "caption":
            split = task.split(asked.splits.get(task.name))
            found[task.name] = task.items(Path(asked.data), split)[: asked.limit]
    return found


def write_losses(where: Path, model: str, asked: Evaluation, *, device: str, features: Path) -> None:
    """Measure the reference captions of every caption task, unless that is done.

    An image's references are its own; the wrong image is that of the next item.

    Args:
        where: Folder of the model's answers.
        model: A projected-prefix model.
        asked: Whose tasks and prompts.
        device: `cpu`, `cuda:1`...
        features: Folder of image features.
    """
    from finegold.tuning import load_named_model
    from finegold.tuning.feature_cache import CachedFeatures

    items = caption_items(asked)
    if not items or (where / FILE).exists():
        return
    loaded = load_named_model(model, device=device)
    loaded.features = CachedFeatures(loaded.features, features)
    found: dict[str, Any] = {}
    for name, own in items.items():
        (task,) = find_tasks([name])
        prompt = task.prompt(asked.prompts).render(own[0])
        found[name] = {
            "images": [item.image.name for item in own],
            "sums": item_losses(loaded, own, prompt, asked.batch).tolist(),
        }
    write_json(where / FILE, found)


def item_losses(model: "PrefixModel", items: list[Item], prompt: str, batch: int) -> Floats:
    """Losses of each item's references.

    Returns:
        Shape (items, 3): nats with the right image, nats with the wrong one, tokens.
    """
    import torch

    asked = encode_prompt(model.tokenizer, model.template, prompt)
    sums = np.zeros((len(items), 3))
    images = torch.cat(
        [
            model.features.encode([decode(item.image) for item in items[start : start + batch]])
            for start in range(0, len(items), batch)
        ]
    )
    with torch.inference_mode():
        for start in range(0, len(items), batch):
            rows = range(start, min(start + batch, len(items)))
            owner = [row for row in rows for _ in items[row].references]
            told = [
                encode_answer(model.tokenizer, model.template, text, LONGEST).ids
                for row in rows
                for text in items[row].references
            ]
            # Captions of like length together, so that little is padding.
            order = sorted(range(len(told)), key=lambda place: len(told[place]))
            for part in (order[at : at + batch] for at in range(0, len(order), batch)):
                group = model.collate([asked] * len(part), [told[place] for place in part])
                at = np.array([owner[place] for place in part])
                for column, shift in enumerate((0, 1)):
                    shown = images[(at + shift) % len(items)].to(model.device)
                    np.add.at(sums[:, column], at, model.row_losses(group, shown).cpu().numpy())
                np.add.at(sums[:, 2], at, [len(told[place]) for place in part])
    return sums


def read_losses(where: Path) -> dict[str, tuple[list[str], Floats]]:
    """Images and sums of each caption task; empty if none were measured.

    Raises:
        RunError: If the file is damaged.
    """
    path = where / FILE
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: (one["images"], np.array(one["sums"])) for name, one in found.items()}
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path} is damaged: remove it and its done.json, and run the study again") from None
