"""The wire: one try of one call over HTTP, every outcome named.

aiohttp alone, not the openai SDK: one POST of JSON is all that is sent, and the SDK spends three times the
processor time of the whole call on it (measured in docs/measurements.md), which at 64 calls in flight is what
bounds the pace.
"""

import base64
import json
import os
import re
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from finegold.errors import ConfigError
from finegold.extras import require
from finegold.llm.audit import utc_now
from finegold.llm.body import error_in, read_body, shown_line
from finegold.llm.endpoint import OPENAI_URL, Endpoint
from finegold.llm.reply import ChatReply, RequestError
from finegold.llm.stream import OnText, StreamWatch

_SHORTEST_SECRET = 8
_CONNECT = 30.0
"""Seconds until an address that does not answer counts as down: the timeout is one for slow models."""
_KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept. Common servers close theirs after 5, and a call sent on a
connection that is being closed is lost."""
MOST_BYTES = 8 * 2**20
"""Bytes of the longest body that is read, before and after it is unpacked; a long reply has some 100,000."""
_ADDRESS = re.compile(r"\b(https?)://[^\s'\"<>()]+", re.IGNORECASE)
_BAD_HTTP_TRIES = 3
"""Tries of a call whose response breaks the rules of HTTP: the next one will break them too."""
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
        headers = {
            "Authorization": f"Bearer {self._secret}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
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
        self._secrets = _secrets_of(endpoint, self._proxy)
        # With each request: aiohttp sends a session's headers, and so the key, to the proxy as well.
        self._headers = headers
        self._settings = settings
        aiohttp = self._aiohttp
        self._http = aiohttp.ClientSession(
            # The number of calls in flight is bounded by who calls.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Unpacked here, within a limit.
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=endpoint.timeout,
                sock_connect=min(_CONNECT, endpoint.timeout),
                ceil_threshold=60,
            ),
        )

    async def send(
        self, payload: dict[str, Any], idempotency_key: str, on_text: OnText | None = None
    ) -> ChatReply:
        """Send a body and read the reply, or raise RequestError, whatever comes back.

        A gateway with `Idempotency-Key` charges a retry once. `on_text` is called while a stream comes.
        """
        data = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        headers = {**self._headers, "Idempotency-Key": idempotency_key}
        if on_text is not None:
            headers |= {"Accept": "text/event-stream, application/json", "Accept-Encoding": "identity"}
        try:
            async with self._http.post(self._url, data=data, headers=headers, **self._settings) as response:
                packed = await _read_some(response.content, self._watch(response, on_text))
                status, answered = response.status, response.headers
        except Exception as error:
            raise self._broken(error) from None
        try:
            return self._read(status, answered, packed)
        except RequestError:
            raise
        except Exception as error:
            raise self._unreadable(f"the reply cannot be read ({type(error).__name__})", status) from None

    async def close(self) -> None:
        """Close its connections."""
        await self._http.close()

    def _watch(self, response: Any, on_text: OnText | None) -> StreamWatch | None:
        """What looks on while the body of a response comes, if it is a stream."""
        if on_text is None or "event-stream" not in str(response.headers.get("content-type", "")):
            return None

        def show(text: str) -> None:
            for secret in self._secrets:
                text = text.replace(secret, "[key]")
                # What may be the beginning of one waits for what follows.
                begun = next((n for n in range(len(secret) - 1, 2, -1) if text.endswith(secret[:n])), 0)
                text = text[: len(text) - begun]
            on_text(text)

        return StreamWatch(show)

    def _read(self, status: int, headers: Any, packed: bytes) -> ChatReply:
        """The reply in a response of any status, or the RequestError that it is."""
        if 300 <= status < 400:
            raise self._redirect(status, str(headers.get("location", "")))
        wait = retry_after(headers)
        try:
            body = unpacked(packed, str(headers.get("content-encoding", "")))
        except _Unreadable as error:
            if not 200 <= status < 300:
                raise error_in(status, str(error), wait=wait) from None
            raise self._unreadable(f"the reply cannot be read: {error}", status, error.tries) from None
        # Some servers repeat the key.
        for secret in self._secrets:
            body = body.replace(secret.encode(), b"[key]")
        if 200 <= status < 300:
            return self._without_secrets(read_body(body, utc_now(), status=status, wait=wait))
        text = body.decode("utf-8", "replace")
        try:
            found: Any = json.loads(text)
        except (ValueError, RecursionError):
            found = text
        raise error_in(status, found, text, wait=wait)

    def _without_secrets(self, reply: ChatReply) -> ChatReply:
        """A reply in which no piece of a stream began a secret that another one ended."""
        found = {name: getattr(reply, name) for name in ("text", "reasoning", "problem")}
        for secret in self._secrets:
            found = {name: text.replace(secret, "[key]") for name, text in found.items()}
        return replace(reply, **found)

    def _unreadable(self, reason: str, status: int, tries: int = _BAD_HTTP_TRIES) -> RequestError:
        """A body that nothing can be read from; with a status of success it is kept after its tries."""
        paid = ChatReply("", "unknown", "unknown", None, None, utc_now(), problem=reason)
        kept = paid if 200 <= status < 300 else None
        return RequestError("garbled", reason, status=status, tries=tries, reply=kept)

    def _redirect(self, status: int, location: str) -> RequestError:
        try:
            moved = urlsplit(location)
            host = moved.netloc.rpartition("@")[2]
            target = f"{moved.scheme}://{host}{moved.path}" if host else moved.path
        except ValueError:
            target = "an address that is none"
        for secret in self._secrets:
            target = target.replace(secret, "[key]")
        return RequestError(
            "locked",
            f"the endpoint answered {status} and points to {shown_line(target, 200) or 'nowhere'}: "
            "give the address where the API is, up to /chat/completions, as --base-url",
            status=status,
        )

    def _clean(self, text: str) -> str:
        """A text as one printable line without the key and without addresses, whose queries hold secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return _ADDRESS.sub(lambda found: f"{found.group(1)}://[address]", shown_line(text, 2000))

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
        if isinstance(error, aiohttp.InvalidURL):
            return RequestError("locked", f"{cannot}: its address is none; give another one as --base-url")
        if isinstance(error, aiohttp.ClientResponseError):
            # The text of such an error holds the whole address.
            said = self._clean(str(error.message))[:200]
            return RequestError(
                "lost",
                f"the response of {self._endpoint.place} breaks the rules of HTTP: {said}",
                tries=_BAD_HTTP_TRIES,
            )
        said = self._clean(str(error))[:200] or type(error).__name__
        return RequestError("lost", f"the connection to {self._endpoint.place} broke: {said}")


class _Unreadable(Exception):
    """A body that cannot be unpacked, and how many tries it is worth."""

    def __init__(self, reason: str, tries: int) -> None:
        super().__init__(reason)
        self.tries = tries


async def _read_some(content: Any, watch: StreamWatch | None) -> bytes:
    """The body as it came, at most one byte above the limit."""
    pieces, size = [], 0
    async for piece in content.iter_any():
        pieces.append(piece)
        if watch is not None:
            watch.feed(piece)
        size += len(piece)
        if size > MOST_BYTES:
            break
    return b"".join(pieces)[: MOST_BYTES + 1]


def unpacked(body: bytes, encoding: str) -> bytes:
    """A body without its Content-Encoding, never more than `MOST_BYTES` of it in memory.

    Raises:
        _Unreadable: If it is longer, damaged, or packed in a way that was not offered.
    """
    too_long = _Unreadable(f"it is longer than {MOST_BYTES // 2**20} MiB", 1)
    if len(body) > MOST_BYTES:
        raise too_long
    for name in reversed([name.strip().lower() for name in encoding.split(",") if name.strip()][:4]):
        if name == "identity":
            continue
        if name not in ("gzip", "x-gzip", "deflate"):
            raise _Unreadable(f"its encoding {shown_line(name, 40)!r} was not offered", 1)
        found = bytearray()
        rest, form = body, 47 if "gzip" in name else 15
        while rest:
            try:
                unpacker = zlib.decompressobj(form)
                found += unpacker.decompress(rest, MOST_BYTES + 1 - len(found))
            except zlib.error:
                if name == "deflate" and form == 15 and not found:
                    # Some servers send the bare stream.
                    form = -15
                    continue
                raise _Unreadable(f"its {name} data are damaged", _BAD_HTTP_TRIES) from None
            if len(found) > MOST_BYTES or unpacker.unconsumed_tail:
                raise too_long
            if not unpacker.eof:
                raise _Unreadable(f"its {name} data are cut off", _BAD_HTTP_TRIES)
            rest = unpacker.unused_data.lstrip(b"\0")
        body = bytes(found)
    return body


def _secrets_of(endpoint: Endpoint, proxy: Proxy | None) -> list[str]:
    """What may stand in no message: the key, the values in the address's query, and the proxy's password."""
    query = urlsplit(endpoint.base_url).query
    found = [endpoint.api_key.get_secret_value(), query]
    for piece in query.split("&"):
        # A version is no secret, and a reply may well hold its date.
        if not piece.partition("=")[0].lower().endswith("version"):
            found += [piece.partition("=")[2], *(value for _, value in parse_qsl(piece, errors="replace"))]
    if proxy is not None and proxy.authorization is not None:
        found.append(proxy.authorization.partition(" ")[2])
    return sorted({text for text in found if len(text) >= _SHORTEST_SECRET}, key=len, reverse=True)


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
                date = date if date.tzinfo else date.replace(tzinfo=UTC)
                seconds = (date - (now or datetime.now(UTC))).total_seconds()
            except OverflowError:
                # A date beyond the calendar.
                return float("inf")
            except (ValueError, TypeError, IndexError):
                if re.search(r"\d{5}", text) is None:
                    continue
                return float("inf")
        if seconds == seconds:
            return max(0.0, seconds)
    return None
