"""Where calls go and how fast: base URL, key, limits. The key never leaves this object by accident."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from finegold.errors import ConfigError

OPENAI_URL = "https://api.openai.com/v1"
MOST_IN_FLIGHT, MOST = 10_000, 1_000_000_000
"""Largest number of calls in flight, and of the other settings of the pace."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible endpoint and the pace at which it is used.

    Nothing here changes a reply, so nothing here is part of a fingerprint or of a cache key.

    Attributes:
        base_url: Address that ends where `/chat/completions` begins, such as `http://127.0.0.1:8000/v1`.
        api_key: The key, masked in every repr.
        concurrency: Calls in flight at once.
        requests_per_minute: Most requests a minute; None for no limit.
        tokens_per_minute: Most tokens a minute, prompt and reply; estimated before a call, corrected after.
        timeout: Seconds that one try may take as a whole.
        retries: Tries after the first, for what may pass: 429, 5xx, timeouts, cut-off or malformed bodies.
        backoff: Seconds before the first retry; doubles with each, with jitter.
        max_wait: Most seconds of a wait; a call whose `Retry-After` is longer fails.
        down_after: Failures in a row, over all calls, after which the endpoint counts as down.
        down_wait: Seconds before one call probes an endpoint that is down; doubles with each failed probe.
        down_probes: Failed probes after which the remaining calls are given up.
    """

    base_url: str = field(repr=False)
    api_key: SecretStr
    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout: float = 120.0
    retries: int = 6
    backoff: float = 0.5
    max_wait: float = 60.0
    down_after: int = 12
    down_wait: float = 5.0
    down_probes: int = 4

    def __post_init__(self) -> None:
        """Raise ConfigError if the address is no http(s) address, or a limit is not positive."""
        try:
            parts = urlsplit(self.base_url)
            # Both raise where an address holds a port or a host that is none.
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or not self.base_url.isprintable() or " " in self.base_url:
            raise ConfigError(
                f"the endpoint's base URL must be an http(s) address such as {OPENAI_URL}, "
                f"not {self.place!r}: give --base-url"
            )
        if parts.username or parts.password:
            raise ConfigError(
                f"the base URL of {parts.hostname} holds a user name or password, which would show in "
                "messages: give the key in FINEGOLD_LLM_API_KEY instead"
            )
        for name in ("requests_per_minute", "tokens_per_minute", "timeout", "concurrency"):
            limit, most = getattr(self, name), MOST_IN_FLIGHT if name == "concurrency" else MOST
            if limit is not None and not 0 < limit <= most:
                raise ConfigError(
                    f"--{name.replace('_', '-')} is {limit}, expected a number above 0 and at most {most:,}: "
                    "give another one"
                )

    @property
    def place(self) -> str:
        """Scheme, host and port, for messages: a query or a path may hold secrets."""
        try:
            parts = urlsplit(self.base_url)
        except ValueError:
            return "that"
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "that"
