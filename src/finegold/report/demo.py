"""Answers of several models to one's own images and prompts, side by side on one page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from finegold.models import Model, Sampling
from finegold.report.html import render_page
from finegold.samples import Exclusion, ImageRef
from finegold.samples.images import by_content, decode
from finegold.samples.thumbnails import thumbnail


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One image with the answers of every model to every prompt.

    Attributes:
        image: Name of the image's file.
        thumbnail: The image as a small JPEG.
        answers: For each prompt the answer of each model, in their order, or why there is none.
    """

    image: str
    thumbnail: bytes
    answers: list[list[str]]


def demonstrate(
    models: Sequence[Model], images: Sequence[Path], prompts: Sequence[str], sampling: Sampling
) -> list[Demonstration]:
    """Put every prompt about every image to every model; one model is loaded at a time.

    Each prompt is a turn of its own: a model does not see the turns before it. Its draws are seeded by the
    seed, the image's name and the prompt.

    Raises:
        ImageError: If an image cannot be used.
        ConfigError: If a model cannot sample so.
    """
    shown: list[Image.Image] = [decode(by_content(ImageRef(path.name, path=path))) for path in images]
    said: list[list[list[str]]] = []
    for model in models:
        model.check_sampling(sampling)
        with model:
            said.append(
                [
                    [
                        _answer(model, picture, prompt, sampling.for_batch([path.name, prompt]))
                        for prompt in prompts
                    ]
                    for path, picture in zip(images, shown, strict=True)
                ]
            )
    return [
        Demonstration(
            path.name,
            thumbnail(picture),
            [[model[row][turn] for model in said] for turn in range(len(prompts))],
        )
        for row, (path, picture) in enumerate(zip(images, shown, strict=True))
    ]


def _answer(model: Model, image: Image.Image, prompt: str, sampling: Sampling) -> str:
    (answer,) = model.answer([image], [prompt], sampling)
    return f"no answer: {answer.reason}" if isinstance(answer, Exclusion) else answer


def demonstration_page(
    names: Sequence[str], prompts: Sequence[str], found: Sequence[Demonstration], sampling: Sampling
) -> str:
    """The page: a section for each image, a line for each prompt, a column for each model."""
    return render_page(
        "demo.html", style="study.css", names=names, prompts=prompts, found=found, sampling=sampling
    )
