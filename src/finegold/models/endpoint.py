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
    map_bounded,
)
from finegold.models.base import Profile
from finegold.samples import Exclusion

PREFIX = "endpoint:"
_TEMPLATE = "evaluate/1"


class EndpointGenerator:
    """Asks for each answer with one call: the image (its longest side at most 1,024 pixels), then the prompt.

    A reply that was paid for is in the session's cache, so that a killed run does not pay for it again. A
    call that fails leaves an Exclusion; an endpoint that is down, or a limit that is reached, stops the run.
    """

    blind = False

    def __init__(self, model: str, session: Session, profile: Profile) -> None:
        """Take the settings; nothing is opened.

        Args:
            model: As the endpoint names it.
            session: Address, limits and cache.
            profile: Must be deterministic.

        Raises:
            ConfigError: If the profile draws: the endpoint's draws cannot be seeded.
        """
        if not profile.deterministic:
            raise ConfigError(
                f"the profile '{profile.name}' draws, which cannot be seeded at an endpoint: use greedy"
            )
        self.name = PREFIX + model
        self._model = model
        self._session = session
        self._loop: LoopThread | None = None
        self._client: CachedClient | None = None

    def identity(self) -> dict[str, Any]:
        """See `Generator`."""
        return {"kind": "endpoint", "model": self._model, "template": _TEMPLATE, "temperature": 0.0}

    def generate(
        self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int
    ) -> list[str | Exclusion]:
        """See `Generator`.

        Raises:
            RunError: If the endpoint is down or a limit is reached.
        """
        requests = [
            ChatRequest(
                self._model,
                (Message("user", (Picture.of(image), prompt)),),
                _TEMPLATE,
                max_tokens=max_new_tokens,
            )
            for image, prompt in zip(images, prompts, strict=True)
        ]
        if self._loop is None:
            self._loop = LoopThread()
        return self._loop.run(self._ask_all(requests))

    def close(self) -> None:
        """See `Generator`."""
        if self._loop is not None:
            if self._client is not None:
                self._loop.run(self._client.close())
            self._loop.close()
            self._loop = self._client = None

    async def _ask_all(self, requests: Sequence[ChatRequest]) -> list[str | Exclusion]:
        if self._client is None:
            self._client = await self._session.open()
        client = self._client

        async def ask(request: ChatRequest) -> str | Exclusion:
            try:
                reply = await client.complete(request)
            except Halted as stop:
                raise RunError(
                    f"the answers stop here, and the same command goes on from here: {stop}"
                ) from None
            except CallFailed as failure:
                return Exclusion("call-failed", str(failure))
            if not reply.text:
                return Exclusion("no-answer", f"the endpoint gave no text ({reply.finish_reason})")
            return reply.text

        answers: list[str | Exclusion] = [""] * len(requests)
        async for position, answer in map_bounded(
            ask, requests, concurrency=self._session.endpoint.concurrency
        ):
            answers[position] = answer
        return answers
