"""Generators for tests: one whose answers depend on the image, and tiny random Hugging Face models."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from finegold.evaluation.evaluate import EvaluationOptions, answer_task
from finegold.evaluation.tasks import TASKS
from finegold.models.registry import find_profile
from finegold.samples import Exclusion


@dataclass
class Colour:
    """Says the first pixel and the prompt, and which batch it was; `fails` are calls without an answer."""

    name: str = "colour"
    blind: bool = False
    fails: frozenset[str] = frozenset()
    kill_after: int | None = None
    calls: list[list[str]] = field(default_factory=list)

    def identity(self) -> dict[str, Any]:
        return {"kind": "colour"}

    def generate(
        self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int
    ) -> list[str | Exclusion]:
        if self.kill_after is not None and len(self.calls) == self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.calls.append(list(prompts))
        return [
            Exclusion("call-failed", "no reply")
            if prompt in self.fails
            else f"{image.getpixel((0, 0))} of {image.size} in a batch of {len(prompts)}: {prompt[:10]}"
            for image, prompt in zip(images, prompts, strict=True)
        ]

    def close(self) -> None:
        pass


def answer(
    data: Path, out: Path, *, task: str = "flickr30k", generator: Any = None, **options: Any
) -> tuple[Any, bytes]:
    """Answer a task; the generator and the bytes of the answers."""
    generator = generator or Colour()
    chosen = EvaluationOptions(**({"batch_size": 3} | options))
    answer_task(TASKS[task], data, out, generator, find_profile("greedy"), chosen)
    return generator, chosen.shard.path(out, task).read_bytes()


def records(out: Path, task: str) -> list[dict[str, Any]]:
    text = (out / "answers" / f"{task}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    answer(Path(sys.argv[1]), Path(sys.argv[2]), generator=Colour(kill_after=int(sys.argv[3])))
