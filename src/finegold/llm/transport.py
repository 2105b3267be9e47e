"""The wire: one try of one call over HTTP, every outcome named.

aiohttp alone, not the openai SDK: one POST of JSON is all that is sent, and the SDK spends three times the
processor time of the whole call on it (measured in docs/measurements.md), which at 64 calls in flight is what
bounds the pace.
"""

import base64
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from finegold.errors import ConfigError
from finegold.extras import require
from finegold.llm.endpoint import OPENAI_URL, Endpoint
from finegold.llm.reply import RequestError, RequestErrorKind

_SHORTEST_SECRET = 8
_CONNECT = 30.0
"""Seconds until an address that does not answer counts as down: the timeout is one for slow models."""
_KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept. Common servers close theirs after 5, and a call sent on a
connection that is being closed is lost."""
_OPENAI_ACCOUNT = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        url: Without user name and password, so that it may stand in messages.
        authorization: Value of the header `Proxy-Authorization`; None if the proxy needs none.
    """

    url: str
    authorization: str | None = field(default=None, repr=False)


def proxy_for(url: str) -> Proxy | None:
    """The proxy for an address by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (or of the system).

    Raises:
        ConfigError: If it is no HTTP proxy.
    """
    target = urlsplit(url)
    known = getproxies()
    named = known.get(target.scheme) or known.get("all")
    if not named or proxy_bypass(target.netloc.rpartition("@")[2]):
        return None
    parts = urlsplit(named if "://" in named else f"http://{named}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"the environment names a {parts.scheme or 'nameless'} proxy for {target.scheme} addresses and "
            "finegold speaks to http proxies only: set HTTP_PROXY and HTTPS_PROXY to one, or NO_PROXY to "
            f"{target.hostname}"
        )
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", authorization)


class HttpTransport:
    """POSTs to `/chat/completions` over connections that are kept open, directly or through a proxy."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Must be called inside the event loop that will use it.

        Raises:
            MissingExtraError: If aiohttp is missing.
            ConfigError: If the key cannot stand in a header, or the proxy of the environment cannot be used.
        """
        self._aiohttp: Any = require("aiohttp", extra="llm", why="the LLM client")
        self._endpoint = endpoint
        self._secret = endpoint.api_key.get_secret_value()
        if not (self._secret.isascii() and self._secret.isprintable()):
            raise ConfigError(
                "the API key holds characters that no HTTP header may hold, such as a line end or an accent: "
                "check FINEGOLD_LLM_API_KEY"
            )
        self._echo = self._secret.encode() if len(self._secret) >= _SHORTEST_SECRET else None
        headers = {
            "Authorization": f"Bearer {self._secret}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "finegold",
        }
        parts = urlsplit(endpoint.base_url)
        # A query, such as Azure's api-version, stays where it is.
        self._url = parts._replace(path=parts.path.rstrip("/") + "/chat/completions").geturl()
        if endpoint.base_url == OPENAI_URL:
            headers |= {name: os.environ[v] for name, v in _OPENAI_ACCOUNT.items() if os.environ.get(v)}
        self._proxy = proxy_for(endpoint.base_url)
        settings: dict[str, Any] = {"allow_redirects": False}
        if self._proxy is not None:
            settings["proxy"] = self._proxy.url
            if self._proxy.authorization is not None:
                secret = {"Proxy-Authorization": self._proxy.authorization}
                if parts.scheme == "https":
                    settings["proxy_headers"] = secret
                else:
                    headers |= secret
        # With each request: aiohttp sends a session's headers, and so the key, to the proxy as well.
        self._headers = headers
        self._settings = settings
        aiohttp = self._aiohttp
        self._http = aiohttp.ClientSession(
            # The number of calls in flight is bounded by who calls.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=endpoint.timeout,
                sock_connect=min(_CONNECT, endpoint.timeout),
                ceil_threshold=60,
            ),
        )

    async def send(self, payload: dict[str, Any], idempotency_key: str) -> bytes:
        """Send a body, or raise RequestError. A gateway with `Idempotency-Key` charges a retry once."""
        data = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        headers = {**self._headers, "Idempotency-Key": idempotency_key}
        try:
            async with self._http.post(self._url, data=data, headers=headers, **self._settings) as response:
                body: bytes = await response.read()
        except Exception as error:
            raise self._broken(error) from None
        if response.status != 200:
            raise self._refusal(response.status, response.headers, body.decode("utf-8", "replace"))
        # Some servers echo the key.
        return body if self._echo is None else body.replace(self._echo, b"[key]")

    async def close(self) -> None:
        """Close its connections."""
        await self._http.close()

    def _clean(self, text: str) -> str:
        """A text of the endpoint without the key."""
        return text if self._echo is None else text.replace(self._secret, "[key]")

    def _refusal(self, status: int, headers: Any, text: str) -> RequestError:
        if 300 <= status < 400:
            moved = urlsplit(headers.get("location", ""))
            target = f"{moved.scheme}://{moved.netloc}{moved.path}" if moved.netloc else moved.path
            return RequestError(
                "locked",
                f"the endpoint answered {status} and points to {self._clean(target)[:200] or 'nowhere'}: "
                "give the address where the API is, up to /chat/completions, as --base-url",
                status=status,
            )
        said = self._clean(_message(text))
        reason = f"the endpoint answered {status}" + (f": {said}" if said else "")
        kind: RequestErrorKind = "refused"
        if status in (401, 403) or "insufficient_quota" in text:
            kind = "locked"
        elif status == 429:
            kind = "busy"
        elif status >= 500 or status in (408, 409, 425):
            kind = "down"
        return RequestError(kind, reason, retry_after=retry_after(headers), status=status)

    def _broken(self, error: Exception) -> RequestError:
        """A failure without a status: no connection, or it broke after the request was sent."""
        aiohttp = self._aiohttp
        through = "" if self._proxy is None else f" through the proxy {self._proxy.url}"
        cannot = f"cannot connect to {self._endpoint.place}{through}"
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return RequestError(
                "down", f"{cannot}: its certificate is not trusted (SSL_CERT_FILE names others)"
            )
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return RequestError("down", f"{cannot}: the proxy answered {error.status}")
        if isinstance(error, aiohttp.ClientConnectorError):
            return RequestError("down", f"{cannot} ({type(error.os_error).__name__})")
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return RequestError("down", f"{cannot} (no answer)")
        if isinstance(error, TimeoutError):
            return RequestError("lost", f"no reply within {self._endpoint.timeout:g} s")
        said = self._clean(str(error))[:200] or type(error).__name__
        return RequestError("lost", f"the connection to {self._endpoint.place} broke: {said}")


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
