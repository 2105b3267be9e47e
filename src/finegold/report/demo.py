"""Answers of several models to one's own images and prompts, side by side on one page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from finegold.models import Model, Sampling
from finegold.report.html import render_page
from finegold.samples import Exclusion, ImageError, ImageRef
from finegold.samples.images import Decoding, by_content, decode
from finegold.samples.thumbnails import thumbnail


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One image with the answers of every model to every prompt.

    Attributes:
        image: Name of the image's file.
        thumbnail: The image as a small JPEG.
        answers: For each prompt the answer of each model, in their order, or why there is none.
        alone: For each model whether it saw each prompt by itself, without the turns before it.
    """

    image: str
    thumbnail: bytes
    answers: list[list[str]]
    alone: list[bool]


def demonstrate(
    models: Sequence[Model],
    images: Sequence[Path],
    prompts: Sequence[str],
    sampling: Sampling,
    *,
    separate: bool = False,
    decoding: Decoding = "finegold",
) -> list[Demonstration]:
    """Put the prompts about every image to every model; one model is loaded at a time.

    The prompts are the turns of one conversation: a model sees its own earlier answers, unless its format has
    one turn. The draws of an answer are seeded by the seed, the image's name and the prompts up to its own.

    Args:
        models: The models.
        images: Image files.
        prompts: The prompts, in their order.
        sampling: How tokens are chosen.
        separate: Whether each prompt is put by itself.
        decoding: How image files become pixels.

    Raises:
        ImageError: If an image cannot be used.
        ConfigError: If a model cannot sample so.
    """
    for path in images:
        if not path.exists():
            raise ImageError(f"there is no image at {path}: check --image", "missing-image")
    shown: list[Image.Image] = [
        decode(by_content(ImageRef(path.name, path=path)), decoding=decoding) for path in images
    ]
    said: list[list[list[str]]] = []
    alone: list[bool] = []
    for model in models:
        model.check_sampling(sampling)
        with model:
            model.load()
            alone.append(separate or not model.sees_turns())
            said.append(
                [
                    _conversation(model, picture, path.name, prompts, sampling, alone=alone[-1])
                    for path, picture in zip(images, shown, strict=True)
                ]
            )
    return [
        Demonstration(
            path.name,
            thumbnail(picture),
            [[model[row][turn] for model in said] for turn in range(len(prompts))],
            alone,
        )
        for row, (path, picture) in enumerate(zip(images, shown, strict=True))
    ]


def _conversation(
    model: Model, image: Image.Image, name: str, prompts: Sequence[str], sampling: Sampling, *, alone: bool
) -> list[str]:
    """The answer to each prompt, or why there is none."""
    found: list[str | Exclusion] = []
    for number in range(len(prompts)):
        found.append(put_prompt(model, image, name, prompts[: number + 1], found, sampling, alone=alone))
    return [shown_answer(one) for one in found]


def put_prompt(
    model: Model,
    image: Image.Image,
    name: str,
    prompts: Sequence[str],
    said: Sequence[str | Exclusion],
    sampling: Sampling,
    *,
    alone: bool,
    on_text: Callable[[str], None] | None = None,
) -> str | Exclusion:
    """Put the last of some prompts to a model that answered those before it.

    Nothing follows a turn without an answer, unless the prompts are put by themselves.

    Args:
        model: The model.
        image: The image.
        name: Its name, which seeds the draws together with the prompts.
        prompts: The prompts up to the one that is put.
        said: The answers to all but the last, or why there is none.
        sampling: How tokens are chosen.
        alone: Whether the prompt is put by itself.
        on_text: Is called with the answer so far while it grows.
    """

    def ask(earlier: Sequence[tuple[str, str]], seeded: Sampling) -> str | Exclusion:
        return model.reply(image, earlier, prompts[-1], seeded, on_text)

    if alone:
        return ask([], sampling.for_batch([name, prompts[-1]]))
    earlier = [
        (prompt, answer)
        for prompt, answer in zip(prompts, said, strict=False)
        if not isinstance(answer, Exclusion)
    ]
    if len(earlier) < len(said):
        return Exclusion("no-answer", "the turn before has none")
    return ask(earlier, sampling.for_batch([name, *prompts]))


def shown_answer(answer: str | Exclusion) -> str:
    """An answer as pages show it, or why there is none."""
    return f"no answer: {answer.reason}" if isinstance(answer, Exclusion) else answer


def demonstration_page(
    names: Sequence[str], prompts: Sequence[str], found: Sequence[Demonstration], sampling: Sampling
) -> str:
    """The page: a section for each image, and under each prompt the models' answers side by side."""
    return render_page(
        "demo.html",
        style="study.css",
        names=names,
        prompts=prompts,
        found=found,
        sampling=sampling,
        turns=_turns(names, found[0].alone) if len(prompts) > 1 else "",
    )


def _turns(names: Sequence[str], alone: Sequence[bool]) -> str:
    """How the prompts stand to one another."""
    if all(alone):
        return "Each prompt is put by itself: a model does not see the turns before it."
    one_turn = [name for name, by_itself in zip(names, alone, strict=True) if by_itself]
    found = "The prompts are the turns of one conversation: a model sees its own answers to the earlier ones."
    return f"{found} Each prompt is put by itself to {', '.join(one_turn)}." if one_turn else found
