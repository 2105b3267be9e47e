"""A model behind an OpenAI-compatible endpoint."""

from collections.abc import Sequence
from typing import Any

from PIL import Image

from finegold.errors import ConfigError, RunError
from finegold.llm import (
    CachedClient,
    CallFailed,
    ChatRequest,
    Halted,
    LoopThread,
    Message,
    Picture,
    Session,
    check_model_name,
    map_bounded,
)
from finegold.models.base import Model, Sampling
from finegold.samples import Exclusion

_TEMPLATE = "evaluate/1"


class EndpointModel(Model):
    """Makes one call for each answer: the image (its longest side at most 1,024 pixels), then the prompt.

    The session's cache keeps every reply, so that a killed run does not pay for it again. A call that fails
    gives an Exclusion; an endpoint that is down, or a limit that is reached, stops the run.
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
        self._loop: LoopThread | None = None
        self._client: CachedClient | None = None

    def identity(self) -> dict[str, Any]:
        """Name of the model at the endpoint, and the form of the calls."""
        return {"kind": "endpoint", "model": self._model, "template": _TEMPLATE, "temperature": 0.0}

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
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling
    ) -> list[str | Exclusion]:
        """Request all answers, several at a time.

        Raises:
            ConfigError: If the temperature is above 0.
            RunError: If the endpoint is down or a limit is reached.
        """
        self.check_sampling(sampling)
        requests = [
            ChatRequest(
                self._model,
                (Message("user", (prompt,) if image is None else (Picture.of(image), prompt)),),
                _TEMPLATE,
                max_tokens=sampling.max_new_tokens,
            )
            for image, prompt in zip(images, prompts, strict=True)
        ]
        if self._loop is None:
            self._loop = LoopThread()
        if self._client is None:
            self._client = self._loop.open(self._session)
        return self._loop.run(self._ask_all(self._client, requests))

    def close(self) -> None:
        """Close the connections."""
        if self._loop is not None:
            self._loop.close()
            self._loop = self._client = None

    async def _ask_all(self, client: CachedClient, requests: Sequence[ChatRequest]) -> list[str | Exclusion]:
        async def ask(request: ChatRequest) -> str | Exclusion:
            try:
                reply = await client.complete(request)
            except Halted as stop:
                raise RunError(
                    f"the answers stop here, and the same command goes on from here: {stop}"
                ) from None
            except CallFailed as failure:
                return Exclusion("call-failed", str(failure))
            return Exclusion("no-answer", reply.why_empty) if reply.why_empty else reply.answer

        return await map_bounded(ask, requests, concurrency=self._session.endpoint.concurrency)
