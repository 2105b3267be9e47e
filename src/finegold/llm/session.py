"""One place that puts a client together from paths and settings."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from finegold.errors import ConfigError
from finegold.llm.audit import Audit
from finegold.llm.budget import Limits, Plan, estimate_tokens, prices_from
from finegold.llm.cache import Cache, default_cache
from finegold.llm.client import CachedClient
from finegold.llm.endpoint import Endpoint, endpoint_from
from finegold.llm.request import ChatRequest
from finegold.llm.transport import HttpTransport


@dataclass(frozen=True, slots=True)
class Session:
    """Everything about calls that does not change a reply.

    Attributes:
        endpoint: Where and how fast.
        limits: Of calls and dollars.
        cache: SQLite file of replies; the user's cache folder by default, so that runs share it.
        audit: JSONL file; None keeps none.
    """

    endpoint: Endpoint
    limits: Limits = field(default_factory=Limits)
    cache: Path = field(default_factory=default_cache)
    audit: Path | None = None

    async def open(self) -> CachedClient:
        """A client in the running event loop; close it after use.

        Raises:
            MissingExtraError: If aiohttp is missing.
            RunError: If the cache or the audit cannot be used.
        """
        transport = HttpTransport(self.endpoint)
        return CachedClient(self.endpoint, transport, Cache(self.cache), Audit(self.audit), self.limits)


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
) -> Session:
    """A session from flags, and from the environment where a flag is None.

    FINEGOLD_LLM_CONCURRENCY and FINEGOLD_LLM_TIMEOUT stand in for two flags beside those of `endpoint_from`
    and `prices_from`.

    Raises:
        ConfigError: If no endpoint is set, a value makes no sense, or dollars are limited at an unknown
            price.
    """
    url, key = endpoint_from(base_url, api_key)
    endpoint = Endpoint(
        url,
        key,
        concurrency=int(_number(concurrency, "CONCURRENCY", 16)),
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        timeout=_number(timeout, "TIMEOUT", 120),
    )
    limits = Limits(max_calls, max_usd, prices_from(usd_per_m_prompt, usd_per_m_completion))
    return Session(endpoint, limits, cache or default_cache(), audit)


def _number(given: float | None, name: str, default: float) -> float:
    text = os.environ.get(f"FINEGOLD_LLM_{name}")
    if given is not None or not text:
        return default if given is None else given
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"FINEGOLD_LLM_{name} is {text!r}: give a number") from None


class Planner:
    """Adds up what requests would cost; counts a request once and one that was paid for as free."""

    def __init__(self, cache: Path, limits: Limits) -> None:
        self._cache = Cache(cache) if cache.exists() else None
        self._limits = limits
        self._seen: set[str] = set()
        self._calls = self._cached = self._prompt = self._completion = 0

    def add(self, request: ChatRequest) -> None:
        """Count one request."""
        key = request.key()
        if key in self._seen:
            return
        self._seen.add(key)
        keys = [key, *([request.plain.key()] if request.plain else [])]
        if self._cache is not None and self._cache.first(keys) is not None:
            self._cached += 1
            return
        self._calls += 1
        self._prompt += estimate_tokens(request)
        self._completion += request.max_tokens

    def plan(self) -> Plan:
        """The sum so far."""
        prices = self._limits.prices
        usd = prices.usd(self._prompt, self._completion) if prices is not None else None
        return Plan(self._calls, self._cached, self._prompt, self._completion, usd)
