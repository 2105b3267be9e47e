"""Who may talk to the server: this machine's browser, at the address that was printed, and nobody else.

Another page that is open in the same browser can send requests to a loopback port, by its number or, with a
name that it resolves to 127.0.0.1, as if it were the same origin (DNS rebinding). So every request must name
the loopback host and port, carry the token, and, if it says where it comes from, come from here.
"""

from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page loads from here alone, and no page may hold it in a frame."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
MOST_BODY = 1 << 20
"""Bytes that a request may send."""
IMAGES = "/api/image"
"""Where an image is sent to, which may be larger."""
MOST_IMAGE = 16 << 20
TOKEN = "token"
"""Parameter of the first address; the browser keeps the token in a cookie then."""


class Guard:
    """The application behind the checks of host, origin, token and size.

    Args:
        app: What answers those who may ask.
        token: The secret of the address.
        port: The port that the server listens on.
    """

    def __init__(self, app: "ASGIApp", token: str, port: int) -> None:
        self._app, self._token, self._port = app, token, port
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._cookie = f"finegold-view-{port}"

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer, or refuse with one sentence."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        most = MOST_IMAGE if scope["path"] == IMAGES else MOST_BODY
        refusal = self._refusal(scope["method"], headers, query, most)
        arrived = self._is_token(query.get(TOKEN, ""))

        async def answer(message: "Message") -> None:
            if message["type"] == "http.response.start":
                raw = [(key.encode(), value.encode()) for key, value in HEADERS.items()]
                if arrived and refusal is None:
                    cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                    raw.append((b"set-cookie", cookie.encode()))
                names = {key for key, _ in message["headers"]}
                if b"cache-control" not in names:
                    raw.append((b"cache-control", b"no-store"))
                message = {**message, "headers": [*message["headers"], *raw]}
            await send(message)

        if refusal is not None:
            status, text = refusal
            await answer(
                {
                    "type": "http.response.start",
                    "status": status,
                    "headers": [(b"content-type", b"text/plain; charset=utf-8")],
                }
            )
            await answer({"type": "http.response.body", "body": f"{text}\n".encode()})
            return
        await self._app(scope, receive, answer)

    def _refusal(
        self, method: str, headers: dict[str, str], query: dict[str, str], most: int
    ) -> tuple[int, str] | None:
        if headers.get("host", "") not in self._hosts:
            return 403, f"This server answers at 127.0.0.1:{self._port} only."
        if method not in ("GET", "HEAD", "POST"):
            return 405, "This server answers GET and POST only."
        origin = headers.get("origin")
        known = {f"http://{host}" for host in self._hosts}
        if origin is not None and origin not in known:
            return 403, "This request comes from another page."
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if not any(map(self._is_token, (query.get(TOKEN, ""), bearer, self._cookie_of(headers)))):
            return 403, "Open the address that `finegold view` printed: it holds the token."
        if method == "POST" and origin is None and not self._is_token(bearer):
            return 403, "A request that changes something says where it comes from."
        try:
            size = int(headers.get("content-length", "0"))
        except ValueError:
            size = most + 1
        if size > most or "transfer-encoding" in headers:
            return 413, f"A request has at most {most:,} bytes, and says how many."
        return None

    def _is_token(self, text: str) -> bool:
        return compare_digest(text.encode("utf-8", "replace"), self._token.encode())

    def _cookie_of(self, headers: dict[str, str]) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return "" if found is None else found.value
