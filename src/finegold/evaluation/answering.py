"""Answer the items of a task batch by batch, and save the answers so that a killed run continues."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from PIL import Image

from finegold.engines import Compute, Engine, HalvingBatches, Make, Results, Work, map_ordered
from finegold.errors import ConfigError, ModelError, RunError, did_you_mean
from finegold.evaluation.answers import Answer, read_answer_file, write_answers
from finegold.evaluation.task import DEFAULT_PROMPTS, Item, Prompt, Split, Task
from finegold.llm import without_thinking
from finegold.models import Model, Sampling, engine_of
from finegold.models.crop import random_crop
from finegold.run import WHOLE, LineFile, Shard, lock_beside, progress
from finegold.samples import Exclusion
from finegold.samples.exclusions import ImageError
from finegold.samples.images import Decoding, by_content, decode, decoded_bytes, image_sha256

T = TypeVar("T")

CROP_SIDE = 224
"""Width and height of a cropped image."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A way to put questions: wording, chat format, choice of tokens, and preparation of images.

    Attributes:
        name: Name for `--profile`.
        temperature: 0 takes the likeliest token each time.
        top_p: Tokens are drawn from the likeliest ones that together have this probability.
        random_crop: Whether MiniGPT-4's training crop is applied to each image.
        top_k: Tokens are drawn from this number of likeliest ones; 0 for all.
        prompts: Version of the wording and of the number of new tokens.
        template: Version of MiniGPT-4's chat format; None for the model's own. It has no effect on others.
        decoding: How image files become pixels.
    """

    name: str
    temperature: float
    top_p: float
    random_crop: bool
    top_k: int = 0
    prompts: str = DEFAULT_PROMPTS
    template: str | None = None
    decoding: Decoding = "finegold"

    @property
    def deterministic(self) -> bool:
        """Whether neither tokens nor crops are drawn at random."""
        return self.temperature == 0 and not self.random_crop

    def settings(self) -> dict[str, Any]:
        """The profile as answers keep it: prompts and template are kept with the prompt and the model."""
        found = {key: getattr(self, key) for key in ("name", "temperature", "top_p", "random_crop")}
        others = {"top_k": self.top_k, "decoding": self.decoding}
        return found | {key: value for key, value in others.items() if value not in (0, "finegold")}

    def sampling(self, max_new_tokens: int, seed: int) -> Sampling:
        """How a model chooses tokens under this profile."""
        return Sampling(max_new_tokens, self.temperature, self.top_p, seed, self.top_k)

    def prepare(self, image: Image.Image, *, seed: int, item: str) -> Image.Image:
        """The image as the model sees it.

        Args:
            image: RGB.
            seed: Seed of the run.
            item: Id of the image's item; seed and id fix the crop.
        """
        if not self.random_crop:
            return image
        # Cropped first: a resize of a box would mix in pixels from outside of the box.
        cropped = random_crop(image, f"{seed}/{item}")
        return cropped.resize((CROP_SIDE, CROP_SIDE), Image.Resampling.BICUBIC)


PROFILES = {
    "greedy": Profile("greedy", 0.0, 1.0, random_crop=False),
    "ehub-2023": Profile(
        "ehub-2023",
        1.0,
        0.9,
        random_crop=True,
        top_k=50,
        prompts="ehub-2023-07",
        template="minigpt4-vicuna0-2023-04",
        decoding="original",
    ),
}
"""`ehub-2023` is how LVLM-eHub ran MiniGPT-4: it draws tokens, and applies the training crop to the images.
Its `generate` keeps the 50 likeliest tokens, the default of transformers 4.29.2, which it pins. It drew
without a seed; here every draw has one."""


def find_profile(name: str) -> Profile:
    """A profile by name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in PROFILES:
        raise ConfigError(
            f"there is no profile '{name}'{did_you_mean(name, PROFILES)}: there are {', '.join(PROFILES)}"
        )
    return PROFILES[name]


Half = Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """Which items a model answers, and how.

    Attributes:
        prompts: Version of the wording; None for the profile's.
        splits: Pairs of task and split; the first split of a task is the default.
        limit: Largest number of items of each split, the first ones; None for all.
        half: Half of the images, to fit a selection on one and report the other; None for all.
        shard: Part of the items.
        profile: Wording, chat format, choice of tokens and preparation of images.
        decoding: How image files become pixels; None for the profile's.
        max_new_tokens: Number of tokens at which an answer is cut; None for the prompt's.
        seed: Seed of the profile's draws.
        batch_size: Number of items in a call. Earlier answers do not change which items form a batch.
        retry_failed: Whether items that failed earlier are answered again.
    """

    prompts: str | None = None
    splits: tuple[tuple[str, str], ...] = ()
    limit: int | None = None
    half: Half | None = None
    shard: Shard = WHOLE
    profile: Profile = PROFILES["greedy"]
    decoding: Decoding | None = None
    max_new_tokens: int | None = None
    seed: int = 0
    batch_size: int = 16
    retry_failed: bool = False

    def split(self, task: Task) -> Split:
        """The split of a task."""
        return task.split(dict(self.splits).get(task.name))

    @property
    def wording(self) -> str:
        """Version of the wording."""
        return self.prompts or self.profile.prompts

    def chosen_profile(self) -> Profile:
        """The profile with the decoding that is chosen in place of its own."""
        return self.profile if self.decoding is None else replace(self.profile, decoding=self.decoding)

    def prompt(self, task: Task) -> Prompt:
        """The prompt of a task."""
        prompt = task.prompt(self.wording)
        return prompt if self.max_new_tokens is None else Prompt(prompt.template, self.max_new_tokens)


class AnswerRun(NamedTuple):
    """What a run did: number of items answered now, and the seconds for them, reading images included."""

    fresh: int
    seconds: float


@dataclass(frozen=True)
class _Answering(Work[list[Answer]]):
    """Answering batches of items.

    Attributes:
        batches: The batches.
        prompt: Wording and number of new tokens.
        options: Profile, seed and batches.
        model: The model, where it answers in this process.
        again: Loads the model in another process.
    """

    batches: Sequence[Sequence[Item]]
    prompt: Prompt
    options: EvaluationOptions
    model: Model | None
    again: Callable[..., Model] | None

    @contextmanager
    def begin(self, compute: Compute) -> Iterator[Make[list[Answer]]]:
        fitting = HalvingBatches("questions")
        if self.model is not None:
            yield partial(self._answer_batches, self.model, fitting)
            return
        assert self.again is not None
        with self.again(device=compute.device) as model:
            model.use_template(self.options.chosen_profile().template)
            yield partial(self._answer_batches, model, fitting)

    def _answer_batches(
        self, model: Model, fitting: HalvingBatches, numbers: list[int], advance: Callable[[int], None]
    ) -> Results[list[Answer]]:
        todo = [self.batches[number] for number in numbers]
        shown = _with_pictures(todo, model.blind, self.options)
        for number, (batch, pictures) in zip(numbers, shown, strict=True):
            answers = _answer(batch, pictures, model, fitting, self.prompt, self.options)
            advance(len(batch))
            yield number, answers


def answer_items(
    label: str,
    items: Sequence[Item],
    model: Model,
    prompt: Prompt,
    options: EvaluationOptions,
    path: Path,
    engine: Engine | None = None,
) -> AnswerRun:
    """Complete a file of answers.

    A batch is answered whole or not at all, so a resumed file equals an uninterrupted one. Items whose image
    has other bytes than when it was answered are answered again; stderr says how many.

    Args:
        label: Name of the task, for the progress bar.
        items: All items that the file shall hold.
        model: The model that answers.
        prompt: Wording and number of new tokens.
        options: Profile, seed and batches; the fields that choose items have no effect.
        path: The file; its answers are kept.
        engine: Who answers; this process if None, or if the model cannot be loaded in another.

    Raises:
        RunError: If the file holds answers to other items, is damaged, or another process writes it.
        ModelError: If the model gives a wrong number of answers.
    """
    with lock_beside(path, "give --out another folder, or --shard another part"):
        todo, kept = _left(label, items, model, prompt, options, path)
        count = sum(map(len, todo))
        begin = time.perf_counter()
        engine, here = engine_of(model, engine)
        making = engine.start(_Answering(todo, prompt, options, here, model.again), 0)
        with (
            LineFile(path) as file,
            progress(f"Answering {label}", len(items), "items", done=len(items) - count) as advance,
            closing(making.make(list(range(len(todo))), advance)) as made,
        ):
            for _, answers in made:
                file.write(b"".join(answer.line() for answer in answers))
                kept += answers
        # The order of the items; answers of a longer earlier run stay behind them.
        place = {item.id: position for position, item in enumerate(items)}
        ordered = sorted(kept, key=lambda answer: place.get(answer.id, len(place)))
        if ordered != kept:
            write_answers(path, ordered)
    return AnswerRun(count, time.perf_counter() - begin)


def _left(
    label: str, items: Sequence[Item], model: Model, prompt: Prompt, options: EvaluationOptions, path: Path
) -> tuple[list[Sequence[Item]], list[Answer]]:
    """The batches that are not answered yet, and the answers of the file that stay, alone in it now."""
    saved = read_answer_file(path)
    earlier = {answer.id: answer for answer in saved}
    for item in items:
        if item.id in earlier and not earlier[item.id].answers(item, prompt.render(item)):
            raise RunError(
                f"{path} holds an answer to another question with the id {item.id}: the task's "
                "files changed, so name another folder"
            )
    changed = set() if model.blind else _changed_images(items, earlier)
    if changed:
        print(f"{label}: {len(changed):,} images changed since they were answered: again", file=sys.stderr)
    done = {a.id for a in saved if not (options.retry_failed and a.problem)} - changed
    todo = [batch for batch in batches(items, options.batch_size) if not all(i.id in done for i in batch)]
    again = {item.id for batch in todo for item in batch}
    kept = [answer for answer in saved if answer.id not in again]
    if len(kept) < len(saved):
        write_answers(path, kept)
    return todo, kept


def batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """The items in pieces of `size`, the last one perhaps shorter."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _changed_images(items: Sequence[Item], earlier: Mapping[str, Answer]) -> set[str]:
    """Ids of the items whose image has other bytes than when it was answered; a missing one tells nothing."""

    def is_changed(item: Item) -> bool:
        try:
            return image_sha256(item.image) != earlier[item.id].image_sha256
        except ImageError:
            return False

    known = [item for item in items if item.id in earlier and earlier[item.id].image_sha256 is not None]
    return {item.id for item, changed in zip(known, map_ordered(is_changed, known), strict=True) if changed}


class _Picture(NamedTuple):
    """The image of an item, or why there is none, and the hash of its bytes; a blind model gets neither."""

    image: Image.Image | Exclusion | None
    sha256: str | None = None


def _with_pictures(
    todo: Sequence[Sequence[Item]], blind: bool, options: EvaluationOptions
) -> Iterator[tuple[Sequence[Item], list[_Picture]]]:
    """Each batch with its images, which are decoded ahead in threads."""

    def load(item: Item) -> _Picture:
        if item.problem is not None:
            return _Picture(item.problem)
        if blind:
            return _Picture(None)
        try:
            ref = by_content(item.image)
            image = decode(ref, decoding=options.chosen_profile().decoding)
        except ImageError as error:
            return _Picture(error.exclusion)
        return _Picture(options.profile.prepare(image, seed=options.seed, item=item.id), image_sha256(ref))

    items: Iterable[Item] = (item for batch in todo for item in batch)
    window = 2 * options.batch_size
    pictures = map_ordered(load, items, window=window, weigh=lambda item: decoded_bytes(item.image))
    try:
        for batch in todo:
            yield batch, [next(pictures) for _ in batch]
    finally:
        pictures.close()


def _answer(
    batch: Sequence[Item],
    pictures: Sequence[_Picture],
    model: Model,
    fitting: HalvingBatches,
    prompt: Prompt,
    options: EvaluationOptions,
) -> list[Answer]:
    prompts = [prompt.render(item) for item in batch]
    results: list[str | Exclusion] = [p.image if isinstance(p.image, Exclusion) else "" for p in pictures]
    images = {row: p.image for row, p in enumerate(pictures) if not isinstance(p.image, Exclusion)}
    if images:
        shown = [prompts[row] for row in images]
        pixels = list(images.values())
        sampling = options.profile.sampling(prompt.max_new_tokens, options.seed)
        drawn = model.batch_sampling(sampling, shown, pixels)
        answers = _replies(model, fitting, [batch[row] for row in images], shown, pixels, drawn)
        for row, answer in zip(images, answers, strict=True):
            results[row] = _only_thinking(answer) or answer
    hashes = [picture.sha256 for picture in pictures]
    return [Answer.of(*one) for one in zip(batch, prompts, results, hashes, strict=True)]


def _replies(
    model: Model,
    fitting: HalvingBatches,
    items: Sequence[Item],
    prompts: Sequence[str],
    images: Sequence[Image.Image | None],
    sampling: Sampling,
) -> list[str | Exclusion]:
    """Answers to a batch in one call, and behind earlier turns, if the model sees them, one by one."""
    single = [row for row, item in enumerate(items) if not (item.earlier and model.sees_turns())]
    answers = fitting.apply(
        lambda rows: model.answer([images[row] for row in rows], [prompts[row] for row in rows], sampling),
        single,
    )
    if len(answers) != len(single):
        raise ModelError(f"{model.name} gave {len(answers)} answers to {len(single)} prompts")
    given = dict(zip(single, answers, strict=True))
    return [
        given[row] if row in given else model.reply(images[row], item.earlier, prompts[row], sampling)
        for row, item in enumerate(items)
    ]


def _only_thinking(answer: str | Exclusion) -> Exclusion | None:
    """Why a text is no answer, if it is a model's thinking alone."""
    if isinstance(answer, Exclusion) or not answer.strip() or without_thinking(answer):
        return None
    return Exclusion("no-answer", "the text is the model's thinking and no answer: raise --max-new-tokens")
