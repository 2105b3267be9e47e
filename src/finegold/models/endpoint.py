"""A model behind an OpenAI-compatible endpoint."""

from collections.abc import Sequence
from itertools import takewhile
from math import exp
from typing import Any

import numpy as np
from PIL import Image

from finegold.arrays import Vectors
from finegold.errors import ConfigError, ModelError, RunError
from finegold.extras import check_installed
from finegold.llm import (
    CachedClient,
    CallFailed,
    ChatReply,
    ChatRequest,
    Halted,
    LoopThread,
    Message,
    OnText,
    Picture,
    Session,
    TokenLogprobs,
    check_model_name,
    map_bounded,
)
from finegold.models.base import GREEDY, Dialogue, Model, NoLosses, Sampling
from finegold.samples import Exclusion

_TEMPLATE = "evaluate/1"
_LOSSES, _FIRST = "losses/1", "first-token/1"


class EndpointModel(Model):
    """Makes one call for each answer: the image (its longest side at most 1,024 pixels), then the prompt.

    The session's cache keeps every reply, so that a killed run does not pay for it again. A call that fails
    gives an Exclusion; an endpoint that is down, or a limit that is reached, stops the run.

    Losses come from an endpoint that gives the log-probability of each token of its prompt, as vLLM does for
    `prompt_logprobs` of a chat completion. Two calls tell which tokens are an answer's: one with the
    conversation up to the question, ready to be answered, and one with the answer behind it. The answer's
    tokens are those of the second that stand behind what both begin with: the answer and the end of its turn,
    as the endpoint's chat template writes it. Where the image is masked, it is left out.
    """

    def __init__(self, name: str, model: str, session: Session) -> None:
        """Take the name `endpoint:MODEL`, the model and the settings of the calls; nothing is opened.

        Raises:
            ConfigError: If the model's name cannot be sent.
        """
        check_model_name(model)
        self.name = name
        self._model = model
        self._session = session
        self._gives = False
        self._loop: LoopThread | None = None
        self._client: CachedClient | None = None

    def identity(self) -> dict[str, Any]:
        """Name of the model at the endpoint, and the form of the calls."""
        return {"kind": "endpoint", "model": self._model, "template": _TEMPLATE, "temperature": 0.0}

    def load(self) -> None:
        """Make sure that the client's package is there; there are no weights."""
        check_installed("aiohttp", extra="llm", why=f"the model '{self.name}'")

    def check_sampling(self, sampling: Sampling) -> None:
        """Refuse drawn tokens.

        Raises:
            ConfigError: If the temperature is above 0: the draws of an endpoint cannot be seeded.
        """
        if sampling.temperature:
            raise ConfigError(
                f"a temperature of {sampling.temperature} draws tokens, and the draws cannot be seeded at an "
                "endpoint: use temperature 0"
            )

    def answer(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling = GREEDY
    ) -> list[str | Exclusion]:
        """Request all answers, several at a time.

        Raises:
            ConfigError: If the temperature is above 0.
            RunError: If the endpoint is down or a limit is reached.
        """
        messages = [(_question(image, prompt),) for image, prompt in zip(images, prompts, strict=True)]
        return self._answer(messages, sampling)

    def sees_turns(self) -> bool:
        """True: a call holds a conversation."""
        return True

    def reply(
        self,
        image: Image.Image | None,
        earlier: Sequence[tuple[str, str]],
        prompt: str,
        sampling: Sampling,
        on_text: OnText | None = None,
    ) -> str | Exclusion:
        """Request the answer behind the earlier turns, the image in the first.

        With `on_text` as an event stream; an endpoint that refuses to stream sends the answer whole.
        """
        messages: list[Message] = []
        for question, answer in earlier:
            shown = None if messages else image
            messages += [_question(shown, question), Message("assistant", (answer,))]
        messages.append(_question(None if messages else image, prompt))
        return self._answer([tuple(messages)], sampling, on_text)[0]

    def _answer(
        self,
        conversations: Sequence[tuple[Message, ...]],
        sampling: Sampling,
        on_text: OnText | None = None,
    ) -> list[str | Exclusion]:
        self.check_sampling(sampling)
        requests = [
            ChatRequest(self._model, messages, _TEMPLATE, max_tokens=sampling.max_new_tokens)
            for messages in conversations
        ]
        return [_answered(reply) for reply in self._ask(requests, "answers", on_text)]

    def losses(
        self,
        images: Sequence[Image.Image | None],
        prompts: Sequence[str | None],
        answers: Sequence[str],
        *,
        mask_images: bool = False,
        max_tokens: int | None = None,
        batch_size: int = 16,
    ) -> list[Vectors]:
        """Losses of the answers, each the only one of its conversation; see `dialogue_losses`."""
        dialogues = [[pair] for pair in zip(prompts, answers, strict=True)]
        found = self.dialogue_losses(
            images, dialogues, mask_images=mask_images, max_tokens=max_tokens, batch_size=batch_size
        )
        return [losses for (losses,) in found]

    def dialogue_losses(
        self,
        images: Sequence[Image.Image | None],
        dialogues: Sequence[Dialogue],
        *,
        mask_images: bool = False,
        max_tokens: int | None = None,
        batch_size: int = 16,  # noqa: ARG002 (the session says how many calls are in flight)
    ) -> list[list[Vectors]]:
        """Losses of every answer after the turns before it: two calls an answer.

        Raises:
            ModelError: If the endpoint gives no log-probabilities of its prompts.
            NoLosses: If a call for one of the conversations failed.
            RunError: If the endpoint is down or a limit is reached.
        """
        requests = []
        for row, dialogue in enumerate(dialogues):
            messages: list[Message] = []
            for prompt, answer in dialogue:
                image = None if messages or mask_images else images[row]
                for message in (_question(image, prompt), Message("assistant", (answer,))):
                    messages.append(message)
                    requests.append(
                        ChatRequest(self._model, tuple(messages), _LOSSES, max_tokens=1, logprobs="prompt")
                    )
        replies = iter(self._ask(requests, "scores"))
        return [
            [self._answer_losses(next(replies), next(replies))[:max_tokens] for _ in dialogue]
            for dialogue in dialogues
        ]

    def preferences(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], words: tuple[str, str]
    ) -> list[float]:
        """Compare two words as the first token of the reply, among the 20 likeliest; one call a prompt.

        Case and spaces around a token do not count, and a word that is not among the 20 has probability 0.

        Raises:
            ModelError: If the endpoint gives no log-probabilities.
            NoLosses: If a call failed, or neither word is among the 20.
            RunError: If the endpoint is down or a limit is reached.
        """
        requests = [
            ChatRequest(self._model, (_question(image, prompt),), _FIRST, max_tokens=1, logprobs="first")
            for image, prompt in zip(images, prompts, strict=True)
        ]
        shares = []
        for reply in self._ask(requests, "scores"):
            tokens = self._given(reply, "first_logprobs", "logprobs")
            first, second = (
                sum(exp(nats) for token, nats in tokens if token.strip().casefold() == word.casefold())
                for word in words
            )
            if not first + second:
                likeliest = max(tokens, key=lambda one: one[1])[0][:20]
                raise NoLosses(
                    f"neither {words[0]} nor {words[1]} is among the {len(tokens)} likeliest first tokens of "
                    f"the reply; the likeliest is {likeliest!a}"
                )
            shares.append(first / (first + second))
        return shares

    def check_losses(self) -> None:
        """Nothing: the first call shows whether the endpoint gives log-probabilities."""

    def count_tokens(self, text: str) -> int:  # noqa: ARG002 (no endpoint counts)
        """Raise ModelError: an endpoint does not say how many tokens a text has."""
        raise ModelError(
            f"'{self.name}' does not say which tokens a sentence has: give --param fold=turn or fold=row"
        )

    def close(self) -> None:
        """Close the connections."""
        if self._loop is not None:
            self._loop.close()
            self._loop = self._client = None

    def _answer_losses(self, before: ChatReply | CallFailed, after: ChatReply | CallFailed) -> Vectors:
        """Losses of the tokens behind those that both prompts begin with."""
        prefix = self._given(before, "prompt_logprobs", "prompt_logprobs")
        whole = self._given(after, "prompt_logprobs", "prompt_logprobs")
        pairs = zip(prefix, whole, strict=False)
        common = sum(1 for _ in takewhile(lambda pair: pair[0][0] == pair[1][0], pairs))
        if common == len(whole):
            raise NoLosses("the endpoint's chat template leaves the answer out of the prompt")
        return np.array([-nats for _, nats in whole[common:]], np.float32)

    def _given(self, reply: ChatReply | CallFailed, field: str, name: str) -> TokenLogprobs:
        """The log-probabilities of a reply; one row may lack them where others had some."""
        if isinstance(reply, CallFailed) and "logprobs" not in str(reply):
            raise NoLosses(str(reply))
        found: TokenLogprobs = () if isinstance(reply, CallFailed) else getattr(reply, field)
        self._gives |= bool(found)
        if not found and self._gives:
            raise NoLosses("the reply holds no log-probabilities that can be read")
        if not found:
            why = f" ({reply})" if isinstance(reply, CallFailed) else ""
            raise ModelError(
                f"'{self.name}' gives no log-probabilities{why}: name an endpoint whose chat completions "
                f"take `{name}`, such as vLLM's, or a local model"
            )
        return found

    def _ask(
        self, requests: Sequence[ChatRequest], what: str, on_text: OnText | None = None
    ) -> list[ChatReply | CallFailed]:
        """The reply to each request, or why it has none; raises RunError where nothing more is sent."""
        if self._loop is None:
            self._loop = LoopThread()
        if self._client is None:
            self._client = self._loop.open(self._session)
        client = self._client

        async def ask(request: ChatRequest) -> ChatReply | CallFailed:
            try:
                return await client.complete(request, on_text)
            except CallFailed as failure:
                return failure

        replies = self._loop.run(map_bounded(ask, requests, concurrency=self._session.endpoint.concurrency))
        # After all of them: the calls that were in flight are paid, and their replies are kept.
        stopped = next((reply for reply in replies if isinstance(reply, Halted)), None)
        if stopped is not None:
            raise RunError(f"the {what} stop here, and the same command goes on from here: {stopped}")
        return replies


def _question(image: Image.Image | None, prompt: str | None) -> Message:
    """A turn of the user: the image, if there is one, and the text, if there is one."""
    parts: list[str | Picture] = [] if image is None else [Picture.of(image)]
    if prompt is not None or image is None:
        parts.append(prompt or "")
    return Message("user", tuple(parts))


def _answered(reply: ChatReply | CallFailed) -> str | Exclusion:
    if isinstance(reply, CallFailed):
        return Exclusion("call-failed", str(reply))
    return Exclusion("no-answer", reply.why_empty) if reply.why_empty else reply.answer
