"""Several models asked about one image, turn by turn, each in a thread of its own."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from queue import SimpleQueue
from typing import TypeAlias, TypeVar

from PIL import Image

from finegold.errors import ConfigError, DataError, FinegoldError
from finegold.models import Model, Sampling
from finegold.models.registry import ENDPOINT
from finegold.report.demo import Demonstration, demonstration_page, put_prompt, shown_answer
from finegold.samples import Exclusion, ImageRef
from finegold.samples.images import Decoding, by_content, decode
from finegold.samples.thumbnails import thumbnail

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PartialAnswer:
    """An answer that a model has not finished."""

    text: str


Replies: TypeAlias = "SimpleQueue[tuple[int, str | Exclusion | PartialAnswer] | None]"
"""The number of a model with its answer so far, its answer, or why there is none; None behind the last."""
HELD_IMAGES = 4
"""Images of the browser that are held for a first prompt."""
HELD_CONVERSATIONS = 8
MOST_TURNS = 32
MOST_PROMPT = 20_000
"""Characters of a prompt."""


@dataclass(slots=True)
class Conversation:
    """The turns of all models about one image.

    Attributes:
        image: The image.
        sampling: How tokens are chosen, in every turn.
        separate: Whether each prompt is put by itself.
        prompts: The prompts that were answered.
        said: For each of them the answer of each model, or why there is none.
        alone: For each model whether it saw the prompts one by one.
        busy: Whether models still answer.
    """

    image: ImageRef
    sampling: Sampling
    separate: bool
    prompts: list[str] = field(default_factory=list)
    said: list[list[str | Exclusion]] = field(default_factory=list)
    alone: list[bool] = field(default_factory=list)
    busy: bool = False


class AskedModels:
    """The models of a view, with the images and conversations that it holds in memory.

    Models of this computer answer one after the other: they share its memory, and the generator that their
    draws are seeded with. An endpoint answers beside them. Weights stay loaded.

    Attributes:
        names: The models' names, as they were given.
        stopped: Whether the server ends, so that nobody waits for answers any more.
    """

    def __init__(
        self, names: Sequence[str] = (), models: Sequence[Model] = (), decoding: Decoding = "finegold"
    ) -> None:
        """Take the models under the names that were given for them; nothing is loaded."""
        self.names = list(names)
        self.stopped: Callable[[], bool] = lambda: False
        self._models, self._decoding = list(models), decoding
        local = threading.Lock()
        self._locks = [threading.Lock() if one.name.startswith(ENDPOINT) else local for one in models]
        self._images: OrderedDict[str, ImageRef] = OrderedDict()
        self._conversations: OrderedDict[str, Conversation] = OrderedDict()
        self._changing = threading.Lock()

    def hold(self, name: str, data: bytes) -> tuple[str, bytes]:
        """Keep an image for the prompts about it; returns its key and a small JPEG of it.

        Raises:
            ConfigError: If there is no model to ask.
            ImageError: If it cannot be used.
        """
        self._need_models()
        ref = ImageRef(name[:200], data=data)
        small = thumbnail(self._decoded(ref))
        return self._keep(self._images, ref, HELD_IMAGES), small

    def held(self, key: str) -> ImageRef:
        """The image of a key."""
        return self._find(self._images, key, "this image is not held any more: drop it again")

    def begin(self, image: ImageRef, sampling: Sampling, *, separate: bool) -> str:
        """A new conversation about an image; returns its key."""
        self._need_models()
        return self._keep(self._conversations, Conversation(image, sampling, separate), HELD_CONVERSATIONS)

    def ask(self, key: str, prompt: str) -> Replies:
        """Put a prompt to all models; the queue gets their answers as they come.

        Raises:
            DataError: If there is no such conversation, it waits for answers, or the prompt is no prompt.
            ImageError: If the image cannot be used.
        """
        talk = self._conversation(key)
        if not prompt.strip() or len(prompt) > MOST_PROMPT:
            raise DataError(
                f"the prompt has {len(prompt.strip()):,} characters, expected 1 to {MOST_PROMPT:,}: "
                "write another"
            )
        picture = self._decoded(talk.image)
        with self._changing:
            if talk.busy:
                raise DataError("the models still answer the prompt before: wait for them")
            if len(talk.prompts) >= MOST_TURNS:
                raise DataError(f"the conversation has {MOST_TURNS} turns: begin a new one")
            talk.busy = True
        replies: Replies = SimpleQueue()
        turn = _Turn(talk, picture, [*talk.prompts, prompt])
        for at in range(len(self._models)):
            threading.Thread(target=self._answer, args=(at, turn, replies), daemon=True).start()
        return replies

    def page(self, key: str) -> str:
        """The page of a conversation, as `finegold demo` writes it."""
        talk = self._conversation(key)
        with self._changing:
            prompts, said, alone = list(talk.prompts), list(talk.said), list(talk.alone)
        if not prompts:
            raise DataError("this conversation has no answers yet: wait for them")
        answers = [[shown_answer(one) for one in turn] for turn in said]
        found = Demonstration(_name(talk.image), thumbnail(self._decoded(talk.image)), answers, alone)
        return demonstration_page(self.names, prompts, [found], talk.sampling)

    def close(self) -> None:
        """Release the models that do not answer just now; the others go with the process."""
        for model, lock in zip(self._models, self._locks, strict=True):
            if lock.acquire(blocking=False):
                try:
                    model.close()
                finally:
                    lock.release()

    def _answer(self, at: int, turn: "_Turn", replies: Replies) -> None:
        model, talk = self._models[at], turn.conversation
        alone = talk.separate
        answer: str | Exclusion
        try:
            with self._locks[at]:
                model.check_sampling(talk.sampling)
                alone = talk.separate or not model.sees_turns()
                said = [one[at] for one in talk.said]
                answer = put_prompt(
                    model,
                    turn.image,
                    _name(talk.image),
                    turn.prompts,
                    said,
                    talk.sampling,
                    alone=alone,
                    on_text=lambda text: replies.put((at, PartialAnswer(text))),
                )
        except FinegoldError as error:
            answer = Exclusion("no-answer", str(error))
        except Exception as error:  # one model's failure leaves the other columns as they are
            text = (str(error).splitlines() or [""])[0][:300]
            answer = Exclusion("no-answer", f"the model failed with {type(error).__name__}: {text}")
        replies.put((at, answer))
        turn.answers[at] = (answer, alone)
        with self._changing:
            if len(turn.answers) < len(self._models):
                return
            found = [turn.answers[number] for number in range(len(self._models))]
            talk.prompts.append(turn.prompts[-1])
            talk.said.append([one for one, _ in found])
            talk.alone = [by_itself for _, by_itself in found]
            talk.busy = False
        replies.put(None)

    def _need_models(self) -> None:
        if not self._models:
            raise ConfigError("this view has no models to ask: start it with --model A --model B")

    def _conversation(self, key: str) -> Conversation:
        return self._find(self._conversations, key, "this conversation is not held any more: begin a new one")

    def _decoded(self, ref: ImageRef) -> Image.Image:
        return decode(by_content(ref), decoding=self._decoding)

    def _keep(self, held: OrderedDict[str, T], value: T, most: int) -> str:
        """Hold a value under a new key; the oldest go."""
        key = secrets.token_hex(8)
        with self._changing:
            held[key] = value
            while len(held) > most:
                held.popitem(last=False)
        return key

    def _find(self, held: OrderedDict[str, T], key: str, otherwise: str) -> T:
        with self._changing:
            if (found := held.get(key)) is None:
                raise DataError(otherwise)
            held.move_to_end(key)
            return found


@dataclass(slots=True)
class _Turn:
    """One prompt on its way: the image, the prompts up to it, and what came back so far, by model."""

    conversation: Conversation
    image: Image.Image
    prompts: list[str]
    answers: dict[int, tuple[str | Exclusion, bool]] = field(default_factory=dict)


def _name(image: ImageRef) -> str:
    """The image's name without folders, as `finegold demo` names a file and seeds the draws."""
    return PurePath(image.name).name or "image"
