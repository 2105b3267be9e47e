"""The wire: one try of one call through the openai SDK, every outcome named."""

import asyncio
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from finegold.extras import require
from finegold.llm.endpoint import Endpoint
from finegold.llm.reply import Trouble, TroubleKind

_SHORTEST_SECRET = 8
# The SDK would tell every endpoint about the user's machine, and each header costs time in each call.
_ABOUT_THE_MACHINE = tuple(
    f"X-Stainless-{name}"
    for name in ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version", "Async")
)
_ABOUT_THE_CALL = ("x-stainless-retry-count", "x-stainless-read-timeout")


class Transport(Protocol):
    """Sends a request body and returns the body of a reply with status 200."""

    async def send(self, payload: dict[str, Any], idempotency_key: str) -> bytes:
        """One try. Raises Trouble."""

    async def close(self) -> None:
        """Close its connections."""


class OpenAITransport:
    """The SDK's async client with its own retries off and its connections kept alive.

    The raw body is read instead of the SDK's models: a body that is not what it should be is then ours to
    name, and a call costs half of the processor time.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Must be called inside the event loop that will use it.

        Raises:
            MissingExtraError: If the openai package is missing.
        """
        self._openai: Any = require("openai", extra="llm", why="the LLM client")
        self._endpoint = endpoint
        try:
            # Twice as fast as the default transport at 64 calls in flight.
            http_client = self._openai.DefaultAioHttpClient()
        except RuntimeError:
            http_client = self._openai.DefaultAsyncHttpxClient()
        self._client = self._openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key.get_secret_value(),
            max_retries=0,
            timeout=endpoint.timeout,
            http_client=http_client,
            default_headers={name: self._openai.Omit() for name in _ABOUT_THE_MACHINE},
        )
        self._headers = {name: self._openai.Omit() for name in _ABOUT_THE_CALL}

    async def send(self, payload: dict[str, Any], idempotency_key: str) -> bytes:
        """One try. A gateway that honours `Idempotency-Key` charges a retried call once."""
        options = {"headers": {**self._headers, "Idempotency-Key": idempotency_key}}
        openai = self._openai
        try:
            # The SDK's timeout is one of silence; a body that drips for ever needs one for the whole.
            async with asyncio.timeout(self._endpoint.timeout):
                body: bytes = await self._client.post(
                    "/chat/completions", cast_to=bytes, body=payload, options=options
                )
        except openai.APIStatusError as error:
            raise self._refusal(error) from None
        except TimeoutError:
            raise Trouble("lost", f"no reply within {self._endpoint.timeout:g} s") from None
        except Exception as error:
            raise self._broken(error) from None
        return self._clean(body.decode("utf-8", "replace")).encode()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    def _clean(self, text: str) -> str:
        """A text of the endpoint without the key, which some servers echo."""
        secret = self._endpoint.api_key.get_secret_value()
        return text.replace(secret, "[key]") if len(secret) >= _SHORTEST_SECRET else text

    def _refusal(self, error: Any) -> Trouble:
        status: int = error.status_code
        said = self._clean(_message(error.response.text))
        reason = f"the endpoint answered {status}" + (f": {said}" if said else "")
        kind: TroubleKind = "refused"
        if status in (401, 403) or "insufficient_quota" in error.response.text:
            kind = "locked"
        elif status == 429:
            kind = "busy"
        elif status >= 500 or status in (408, 409, 425):
            kind = "down"
        return Trouble(kind, reason, retry_after=retry_after(error.response.headers), status=status)

    def _broken(self, error: Exception) -> Trouble:
        """A failure without a status: the connection was refused, or it broke after the request was sent."""
        root: BaseException = error
        while root.__cause__ is not None:
            root = root.__cause__
        if isinstance(root, TimeoutError):
            return Trouble("lost", f"no reply within {self._endpoint.timeout:g} s")
        # aiohttp and httpcore both name failures to connect so; all others come after the request went out.
        names = [type(step).__name__ for step in _chain(error)]
        if isinstance(root, ConnectionRefusedError) or any(
            "Connector" in n or n == "ConnectError" for n in names
        ):
            return Trouble("down", f"cannot connect to {self._endpoint.place} ({type(root).__name__})")
        said = self._clean(str(root))[:200] or type(root).__name__
        return Trouble("lost", f"the connection to {self._endpoint.place} broke: {said}")


def retry_after(headers: Any, *, now: datetime | None = None) -> float | None:
    """Seconds that `retry-after-ms` or `Retry-After` (seconds or a date) asks to wait; None if none."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            seconds = float(text) * unit
        except ValueError:
            try:
                date = parsedate_to_datetime(text)
            except ValueError:
                continue
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            seconds = (date - (now or datetime.now(UTC))).total_seconds()
        if seconds == seconds:
            return max(0.0, seconds)
    return None


def _chain(error: BaseException) -> list[BaseException]:
    steps = [error]
    while steps[-1].__cause__ is not None:
        steps.append(steps[-1].__cause__)
    return steps


def _message(text: str) -> str:
    """The sentence in an error body, whatever its shape, at most 300 characters."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = text
    found = data.get("error", data.get("detail", data)) if isinstance(data, dict) else data
    found = found.get("message", found) if isinstance(found, dict) else found
    # Control characters could rewrite the terminal that shows the message.
    return "".join(c for c in " ".join(str(found).split()) if c.isprintable())[:300]
