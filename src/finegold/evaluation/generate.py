"""Ask a model every item of a task, batch by batch, and save what comes back so that a killed run goes on."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from PIL import Image

from finegold.engines import map_ordered
from finegold.errors import ModelError, RunError
from finegold.evaluation.answers import Answer, AnswerFile, read_answer_file
from finegold.evaluation.task import Item, Prompt
from finegold.models.base import Generator, Profile
from finegold.models.crop import random_crop
from finegold.run import progress, write_text
from finegold.samples import Exclusion, ImageRef
from finegold.samples.exclusions import ImageError
from finegold.samples.images import decode, read_bytes


@dataclass(frozen=True, slots=True)
class Asking:
    """How items are asked.

    Attributes:
        prompt: Wording and longest answer.
        profile: How tokens are chosen and images prepared.
        seed: Of the profile's draws.
        batch_size: Items a call; batches are fixed stretches of the items, whatever was answered before.
        retry_failed: Whether items that failed in an earlier run are asked again.
    """

    prompt: Prompt
    profile: Profile
    seed: int = 0
    batch_size: int = 16
    retry_failed: bool = False


@dataclass(frozen=True, slots=True)
class AnswerRun:
    """What a run did.

    Attributes:
        fresh: Items asked now.
        seconds: For them, reading images included.
    """

    fresh: int
    seconds: float


def ask(label: str, items: Sequence[Item], generator: Generator, asking: Asking, path: Path) -> AnswerRun:
    """Complete a file of answers.

    A batch is asked whole or not at all, so a resumed file equals an uninterrupted one.

    Args:
        label: Name of the task, for the progress bar.
        items: All that the file shall hold.
        generator: What answers.
        asking: How.
        path: The file; what it holds already is kept.

    Raises:
        RunError: If the file holds answers to other items.
        ModelError: If the generator gives a wrong number of answers.
    """
    saved = read_answer_file(path)
    earlier = {answer.id: answer for answer in saved}
    _check(earlier, items, asking.prompt, path)
    todo = [batch for batch in _batches(items, asking.batch_size) if not _complete(batch, earlier, asking)]
    again = {item.id for batch in todo for item in batch}
    kept = [answer for answer in saved if answer.id not in again]
    cut = path.exists() and not path.read_bytes().endswith(b"\n")
    file = AnswerFile(path, kept, rewrite=len(kept) < len(saved) or cut)
    begin = time.perf_counter()
    try:
        with progress(f"Asking {label}", len(items), "items", done=len(items) - len(again)) as advance:
            for batch, pictures in _with_pictures(todo, generator.blind, asking):
                answers = _answer(batch, pictures, generator, asking)
                file.append(answers)
                kept += answers
                advance(len(batch))
    finally:
        file.close()
    _sort(path, kept, items)
    return AnswerRun(len(again), time.perf_counter() - begin)


def _check(earlier: dict[str, Answer], items: Sequence[Item], prompt: Prompt, path: Path) -> None:
    for item in items:
        answer = earlier.get(item.id)
        if answer is not None and not answer.answers(item, prompt.render(item)):
            raise RunError(
                f"{path} holds an answer to another question with the id {item.id}: the task's "
                "files changed, so name another folder"
            )


def _batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _complete(batch: Sequence[Item], earlier: dict[str, Answer], asking: Asking) -> bool:
    answers = [earlier.get(item.id) for item in batch]
    return all(a is not None and not (asking.retry_failed and a.problem) for a in answers)


def _with_pictures(
    batches: Sequence[Sequence[Item]], blind: bool, asking: Asking
) -> Iterator[tuple[Sequence[Item], list[Image.Image | Exclusion]]]:
    """Each batch with its images, which are decoded ahead in threads; none for a blind generator."""
    if blind:
        yield from ((batch, []) for batch in batches)
        return

    def load(item: Item) -> Image.Image | Exclusion:
        try:
            image = _decode(item.image)
        except ImageError as error:
            return error.exclusion
        return random_crop(image, seed=asking.seed, item=item.id) if asking.profile.random_crop else image

    items: Iterable[Item] = (item for batch in batches for item in batch)
    pictures = map_ordered(load, items, window=2 * asking.batch_size)
    try:
        for batch in batches:
            yield batch, [next(pictures) for _ in batch]
    finally:
        pictures.close()


def _decode(ref: ImageRef) -> Image.Image:
    """Decode by content: published sets hold PNG and WebP files that are named `.jpg` (LLaVA-Bench does)."""
    data = read_bytes(ref)
    return decode(ImageRef(str(PurePath(ref.name).with_suffix("")), data=data))


def _answer(
    batch: Sequence[Item], pictures: Sequence[Image.Image | Exclusion], generator: Generator, asking: Asking
) -> list[Answer]:
    prompts = [asking.prompt.render(item) for item in batch]
    results: list[str | Exclusion] = [p if isinstance(p, Exclusion) else "" for p in pictures] or [""] * len(
        batch
    )
    rows = [row for row, result in enumerate(results) if not isinstance(result, Exclusion)]
    if rows:
        images = [p for p in pictures if not isinstance(p, Exclusion)]
        given = generator.generate(images, [prompts[row] for row in rows], asking.prompt.max_new_tokens)
        if len(given) != len(rows):
            raise ModelError(f"{generator.name} gave {len(given)} answers to {len(rows)} prompts")
        for row, result in zip(rows, given, strict=True):
            results[row] = result
    return [Answer.of(*one) for one in zip(batch, prompts, results, strict=True)]


def _sort(path: Path, answers: Sequence[Answer], items: Sequence[Item]) -> None:
    """Put the answers in the items' order; those of a longer earlier run stay behind them."""
    place = {item.id: position for position, item in enumerate(items)}
    ordered = sorted(answers, key=lambda answer: place.get(answer.id, len(place)))
    if ordered != list(answers):
        write_text(path, "".join(answer.line() for answer in ordered))
