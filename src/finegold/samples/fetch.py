"""Fetch a file from an address that a dataset names, without letting it reach into the local network.

Every address that a host name resolves to must be public, at the start and after each redirect. The
connection then goes to the address that was checked, so a name that resolves differently the second time
changes nothing.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from string import punctuation
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from finegold.samples.exclusions import ImageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_REDIRECTS = 5
_CHUNK = 1 << 16
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""IPv6 ranges that carry an IPv4 address inside (NAT64, 6to4, Teredo): their target is not known."""


def is_public(address: Address) -> bool:
    """Whether an address is public: not private, loopback, link-local, multicast or reserved."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def fetch(
    url: str, *, max_bytes: int, seconds: float, allowed: Callable[[Address], bool] = is_public
) -> bytes:
    """Download one file.

    Args:
        url: http or https.
        max_bytes: Refused beyond this, whatever the server announces.
        seconds: For the whole fetch, redirects included.
        allowed: Which addresses may be connected to.

    Raises:
        ImageError: `url-not-allowed` if a scheme or address is refused, `large-image` if it is too big, else
            `url-failed`.
    """
    deadline = time.monotonic() + seconds
    for _ in range(_REDIRECTS + 1):
        parts = _split(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = _resolve(parts.hostname or "", port, allowed)
        body, location = _request(parts, (address, port), max_bytes, deadline)
        if location is None:
            return body
        url = _redirected(url, location)
    raise ImageError(f"the address '{url}' redirects more than {_REDIRECTS} times", "url-failed")


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:  # such as "http://["
        raise ImageError(
            f"'{url}' redirects to '{location}', which is no address", "url-not-allowed"
        ) from None


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise ImageError(f"'{url}' is not a valid address", "url-not-allowed") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
        raise ImageError(f"'{url}' is no http or https address", "url-not-allowed")
    return parts


def _resolve(host: str, port: int, allowed: Callable[[Address], bool]) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ImageError(f"the host '{host}' cannot be resolved ({error})", "url-failed") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not allowed(ipaddress.ip_address(address)):
            raise ImageError(
                f"the host '{host}' is at the address {address}, which is not public", "url-not-allowed"
            )
    return addresses[0]


def _request(
    parts: SplitResult, address: tuple[str, int], max_bytes: int, deadline: float
) -> tuple[bytes, str | None]:
    """Return the body, or the address that the server redirects to."""
    host, left = parts.hostname or "", deadline - time.monotonic()
    if left <= 0:
        raise ImageError(f"'{parts.geturl()}' took too long", "url-failed")
    connection = http.client.HTTPConnection(host, address[1], timeout=left)
    watch: threading.Timer | None = None
    try:
        sock = socket.create_connection(address, timeout=left)
        # A timeout bounds each read only; a server that sends a byte now and then must end too.
        current = [sock]
        watch = threading.Timer(max(0.0, deadline - time.monotonic()), _shut, [current])
        watch.daemon = True
        watch.start()
        if parts.scheme == "https":
            secure = ssl.create_default_context().wrap_socket(
                sock, server_hostname=host, do_handshake_on_connect=False
            )
            current[0] = secure
            secure.do_handshake()
        connection.sock = current[0]
        # Escaped, so that an address cannot smuggle in a header.
        target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=punctuation)
        connection.request("GET", target, headers={"User-Agent": "finegold", "Accept": "image/*"})
        found = _response(connection.getresponse(), parts, max_bytes)
        if time.monotonic() >= deadline:
            # A connection that was shut reads like one that ended, and its body may be cut.
            raise TimeoutError
        return found
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= deadline:
            raise ImageError(f"'{parts.geturl()}' took too long", "url-failed") from None
        raise ImageError(f"'{parts.geturl()}' cannot be fetched ({error})", "url-failed") from None
    finally:
        if watch is not None:
            watch.cancel()
        connection.close()


def _response(
    response: http.client.HTTPResponse, parts: SplitResult, max_bytes: int
) -> tuple[bytes, str | None]:
    if response.status in (301, 302, 303, 307, 308):
        location = response.getheader("Location")
        if not location:
            raise ImageError(f"'{parts.geturl()}' redirects to nowhere", "url-failed")
        return b"", location
    if response.status != 200:
        raise ImageError(f"'{parts.geturl()}' answers {response.status} {response.reason}", "url-failed")
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise ImageError(f"'{parts.geturl()}' has more than {max_bytes:,} bytes", "large-image")
    if response.length:
        raise ImageError(f"'{parts.geturl()}' ended {response.length:,} bytes early", "url-failed")
    return bytes(body), None


def _shut(current: list[socket.socket]) -> None:
    with suppress(OSError):
        socket.socket.shutdown(current[0], socket.SHUT_RDWR)
