"""How likely the true captions of held-out images are, with their own image and with another one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from finegold.arrays import Floats
from finegold.models import Model
from finegold.offline.captioner import DETAIL_INSTRUCTIONS
from finegold.run import DamagedError, read_sealed, write_sealed
from finegold.samples import ImageRef
from finegold.samples.images import by_content, decode
from finegold.study.task_items import TaskSpec
from finegold.workflow.overlap import readable_sha256

FILE = "losses.json"
MAX_TOKENS = 160
"""Number of tokens at which a text is cut."""
KINDS = ("single", "joined")
"""First reference of an image after the task's prompt; all of them joined after a prompt for detail."""


def write_losses(where: Path, model: Model, spec: TaskSpec) -> None:
    """Measure the reference captions of a caption task, unless that is done.

    The file holds, for each of `KINDS`, three numbers for each image: nats with the right image, nats with
    the wrong one, which is that of the next item with another image, and tokens. An item whose image cannot
    be read is left out.

    Args:
        where: Folder of the model's answers.
        model: The model that answered.
        spec: The task.

    Raises:
        ModelError: If the model gives no losses.
    """
    if (where / FILE).exists():
        return
    items = [item for item in spec.read() if item.problem is None and readable_sha256(item.image)]
    prompt = spec.open().prompt(spec.prompts)
    texts = ([item.references[0] for item in items], [" ".join(item.references) for item in items])
    prompts = ([prompt.render(item) for item in items], [DETAIL_INSTRUCTIONS[0]] * len(items))
    images = [item.image for item in items]
    found: dict[str, Any] = {}
    for kind, said, asked in zip(KINDS, texts, prompts, strict=True):
        right, wrong = (
            model.losses(_Decoded(shown), asked, said, max_tokens=MAX_TOKENS, batch_size=spec.batch)
            for shown in (images, _others(images))
        )
        found[kind] = [
            [float(sum(one)), float(sum(other)), float(len(one))]
            for one, other in zip(right, wrong, strict=True)
        ]
    write_sealed(where / FILE, {"images": [image.name for image in images], **found})


def _others(images: Sequence[ImageRef]) -> list[ImageRef]:
    """For each image the next one of another name; itself if there is none."""
    found = list(images)
    for place in range(2 * len(images) - 1, -1, -1):
        here, after = place % len(images), (place + 1) % len(images)
        found[here] = images[after] if images[after].name != images[here].name else found[after]
    return found


class _Decoded(Sequence[Image.Image]):
    """Images that are decoded when they are taken, so that they are never all in memory."""

    def __init__(self, refs: Sequence[ImageRef]) -> None:
        self._refs = refs

    def __len__(self) -> int:
        return len(self._refs)

    def __getitem__(self, place: Any) -> Any:
        return decode(by_content(self._refs[place]))


def read_losses(where: Path) -> tuple[list[str], dict[str, Floats]] | None:
    """Images of a caption task, and sums of each of `KINDS`; None if none were measured.

    Raises:
        RunError: If the file is damaged.
    """
    path = where / FILE
    if not path.exists():
        return None
    try:
        found = read_sealed(path)
        return found["images"], {kind: np.array(found[kind]) for kind in KINDS}
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(path, f"it holds no losses: {error}") from None
