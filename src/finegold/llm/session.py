"""Sessions from flags and the environment, and the thread that calls are made in."""

import asyncio
import math
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from finegold.errors import ConfigError
from finegold.llm.budget import Limits, Prices
from finegold.llm.cache import default_cache
from finegold.llm.client import CachedClient, Session
from finegold.llm.endpoint import OPENAI_URL, Endpoint

T = TypeVar("T")


def session_from(
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    concurrency: int | None = None,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    timeout: float | None = None,
    max_calls: int | None = None,
    max_usd: float | None = None,
    usd_per_m_prompt: float | None = None,
    usd_per_m_completion: float | None = None,
    cache: Path | None = None,
    audit: Path | None = None,
    retry: bool = False,
) -> Session:
    """A session from flags, and from the environment where a flag is None.

    Without any argument, inside a command that has options for the endpoint, it is the command's session, so
    that its limits hold for a plug-in that opens one by itself.

    FINEGOLD_LLM_CONCURRENCY and FINEGOLD_LLM_TIMEOUT stand in for two flags beside those of `endpoint_from`
    and `prices_from`.

    Raises:
        ConfigError: If no endpoint is set, a value makes no sense, or dollars are limited at an unknown
            price.
    """
    others = (requests_per_minute, tokens_per_minute, usd_per_m_prompt, usd_per_m_completion, cache, audit)
    given = (base_url, api_key, concurrency, timeout, max_calls, max_usd, *others)
    if _IN_FORCE and not retry and all(value is None for value in given):
        return _IN_FORCE[-1]()
    url, key = endpoint_from(base_url, api_key)
    endpoint = Endpoint(
        url,
        key,
        concurrency=int(_number(concurrency, "CONCURRENCY", 16)),
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        timeout=_number(timeout, "TIMEOUT", 120.0),
    )
    limits = Limits(max_calls, max_usd, prices_from(usd_per_m_prompt, usd_per_m_completion))
    return Session(endpoint, limits, cache or default_cache(), audit, retry)


_IN_FORCE: list[Callable[[], Session]] = []


@contextmanager
def session_in_force(session: Callable[[], Session]) -> Iterator[None]:
    """In the block, `session_from` without arguments gives this session."""
    _IN_FORCE.append(session)
    try:
        yield
    finally:
        _IN_FORCE.pop()


def endpoint_from(base_url: str | None = None, api_key: str | None = None) -> tuple[str, SecretStr]:
    """Base URL and key from the arguments, else from the environment.

    FINEGOLD_LLM_BASE_URL, then OpenAI's address; FINEGOLD_LLM_API_KEY, then OPENAI_API_KEY. A local
    server may need no key.

    Raises:
        ConfigError: If there is neither an address nor a key.
    """
    url = base_url or os.environ.get("FINEGOLD_LLM_BASE_URL")
    key = api_key or os.environ.get("FINEGOLD_LLM_API_KEY") or os.environ.get("OPENAI_API_KEY")
    if url is None and key is None:
        raise ConfigError(
            "no LLM endpoint is set: give --base-url or set FINEGOLD_LLM_BASE_URL (OPENAI_API_KEY for OpenAI)"
        )
    return (url or OPENAI_URL).rstrip("/"), SecretStr(key or "none")


def model_from(model: str | None = None, *, option: str = "--model") -> str:
    """The model's name, else FINEGOLD_LLM_MODEL; raises ConfigError, with the option, if neither is set."""
    name = model or os.environ.get("FINEGOLD_LLM_MODEL")
    if not name:
        raise ConfigError(f"no model is named: give {option}, or set FINEGOLD_LLM_MODEL")
    check_model_name(name)
    return name


def check_model_name(name: str) -> None:
    """Raise ConfigError if a model's name cannot be sent, before any call is paid."""
    if not name.isprintable():
        raise ConfigError(
            f"the model's name {name!a} holds a control character or half a surrogate pair: give the name "
            "that the endpoint lists"
        )


def prices_from(prompt: float | None = None, completion: float | None = None) -> Prices | None:
    """Prices in dollars per million tokens, else those of the environment; None if unknown.

    The variables are FINEGOLD_LLM_USD_PER_M_PROMPT and FINEGOLD_LLM_USD_PER_M_COMPLETION.

    Raises:
        ConfigError: If only one of the two is known, or one is no price.
    """
    prompt = _number(prompt, "USD_PER_M_PROMPT", None)
    completion = _number(completion, "USD_PER_M_COMPLETION", None)
    if prompt is None and completion is None:
        return None
    if prompt is None or completion is None:
        raise ConfigError(
            "only one of the two prices is known: give those of prompt and of completion tokens"
        )
    return Prices(prompt, completion)


def _number(value: float | None, name: str, default: T) -> float | T:
    text = os.environ.get(f"FINEGOLD_LLM_{name}")
    if value is not None or not text:
        return default if value is None else value
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"FINEGOLD_LLM_{name} is {text!r}: give a number, such as 0.15 or 16")
    return number


class LoopThread(AbstractContextManager["LoopThread"]):
    """An event loop in its own thread, so that plain functions share one async client; `with` closes it.

    Unlike `asyncio.run` it also serves callers inside a running loop, as every cell of a notebook is.
    """

    def __init__(self) -> None:
        self._clients: list[CachedClient] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="finegold-llm", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end and return its result; cancelled if the caller is interrupted.

        Raises:
            RunError: If replies could not be kept. What was not answered for that reason is no result.
        """
        result = self._run(coroutine)
        for client in self._clients:
            if client.broken is not None:
                raise client.broken
        return result

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def open(self, session: Session) -> CachedClient:
        """A client of the session for this loop, which is closed with it; raises as `CachedClient`."""
        client = self.run(session.open())
        self._clients.append(client)
        return client

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the clients, cancel what still runs, let it clean up, and stop the loop and its thread."""
        if self._loop.is_closed():
            return
        for client in self._clients:
            self._run(client.close())
        self._run(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
