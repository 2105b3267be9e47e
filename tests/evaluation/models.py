"""A model for tests whose answers depend on the image."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from finegold.engines import Engine
from finegold.evaluation.answering import EvaluationOptions
from finegold.evaluation.answers import answer_path
from finegold.evaluation.evaluate import answer_task
from finegold.evaluation.task import TASKS
from finegold.models import Model, Sampling
from finegold.models.base import GREEDY
from finegold.samples import Exclusion


@dataclass
class Colour(Model):
    """Says the first pixel and the prompt, and which batch it was; `fails` are calls without an answer."""

    name: str = "colour"
    blind: bool = False
    fails: frozenset[str] = frozenset()
    kill_after: int | None = None
    calls: list[list[str]] = field(default_factory=list)

    def identity(self) -> dict[str, Any]:
        return {"kind": "colour"}

    def answer(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling = GREEDY
    ) -> list[str | Exclusion]:
        if self.kill_after is not None and len(self.calls) == self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.calls.append(list(prompts))
        pictures = [image for image in images if image is not None]
        return [
            Exclusion("call-failed", "no reply")
            if prompt in self.fails
            else f"{image.getpixel((0, 0))} of {image.size} in a batch of {len(prompts)}: {prompt[:10]}"
            for image, prompt in zip(pictures, prompts, strict=True)
        ]


def colour_again(device: str) -> Colour:
    """Such a model in another process, on a device."""
    return Colour()


def answer(
    data: Path,
    out: Path,
    *,
    task: str = "flickr30k",
    model: Any = None,
    engine: Engine | None = None,
    **options: Any,
) -> tuple[Any, bytes]:
    """Answer a task; the model and the bytes of the answers."""
    model = model or Colour()
    chosen = EvaluationOptions(**({"batch_size": 3} | options))
    answer_task(TASKS.get(task), data, out, model, chosen, engine)
    return model, answer_path(out, task, chosen.shard).read_bytes()


def records(out: Path, task: str) -> list[dict[str, Any]]:
    text = (out / "answers" / f"{task}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    answer(Path(sys.argv[1]), Path(sys.argv[2]), model=Colour(kill_after=int(sys.argv[3])))
