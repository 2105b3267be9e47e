"""Forged addresses of images: none may reach a server inside, or a file."""

import contextlib
import ipaddress
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.torture.table import Row

from finegold.samples.exclusions import ImageError
from finegold.samples.fetch import Address, fetch, is_public

INSIDE = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)
"""Networks that a dataset has no business to reach."""
MOST_BYTES = 10_000


def addresses(work: Path, rng: random.Random) -> Row:
    """Addresses of a server on this computer in every spelling, redirects to it, and addresses inside."""
    row = Row("forged addresses")
    secret = work / "secret.txt"
    secret.write_text("secret")
    with _server() as (port, hits):
        forged = _spellings(port, rng, secret)
        for url in forged:
            row.tried += 1
            _fetch(row, url, None)
        if hits:
            row.believed += [f"a request reached the server: {hit}" for hit in hits]
        # Once inside an allowed address, a redirect to any of them is refused as the address itself is.
        hits.clear()
        for url in forged:
            row.tried += 1
            _fetch(row, f"http://127.0.0.77:{port}/to?{url}", "127.0.0.77")
        row.believed += [
            f"a redirect reached the server: {hit}" for hit in hits if " for 127.0.0.77:" not in hit
        ]
    for network in map(ipaddress.ip_network, INSIDE):
        for _ in range(20):
            row.tried += 1
            inside = network[rng.randrange(min(network.num_addresses, 2**64))]
            forms = [inside]
            if isinstance(inside, ipaddress.IPv4Address):
                number = int(inside)
                forms += [
                    ipaddress.IPv6Address((0xFFFF << 32) | number),
                    ipaddress.IPv6Address((0x64FF9B << 96) | number),
                    ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
                ]
            row.believed += [f"{one} counts as public" for one in forms if is_public(one)]
    return row


def _fetch(row: Row, url: str, allowed: str | None) -> None:
    def only(address: Address) -> bool:
        return str(address) == allowed

    try:
        found = fetch(url, max_bytes=MOST_BYTES, seconds=5, allowed=is_public if allowed is None else only)
        # A relative redirect stays at the server that is allowed, which gives nothing.
        if found or allowed is None:
            row.believed.append(f"{url} gave {found[:40]!r}")
    except ImageError:
        pass
    except Exception as error:
        row.unexpected.append(f"{url}: {type(error).__name__}: {error}")


def _spellings(port: int, rng: random.Random, secret: Path) -> list[str]:
    hosts = [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "ip6-localhost",
        "localhost.localdomain",
        "[::1]",
        "[::]",
    ]
    hosts += [
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
    ]
    hosts += ["[2002:7f00:1::]", "[::1%25lo]", "[fe80::1%25lo]", "0", "0.0.0.0", "127.1", "127.0.1"]
    for last in {1, 2, rng.randrange(3, 255)}:
        parts = (127, rng.choice((0, 0, 3)), 0, last)
        number = int.from_bytes(bytes(parts))
        plain = ".".join(map(str, parts))
        hosts += [plain, f"{plain}.", str(number), hex(number), f"0{number:o}", ".".join(map(hex, parts))]
        hosts += [".".join(f"0{part:o}" for part in parts), ".".join(f"{part:03d}" for part in parts)]
        hosts += [
            "".join(chr(0xFF10 + int(c)) if c.isdigit() else c for c in plain),
            plain.replace(".", "。"),
        ]
        hosts += [
            plain.replace(".", "%2e"),
            "".join(f"%{ord(c):02x}" for c in plain),
            f"{plain}\t",
            f" {plain}",
        ]
        hosts += [f"①②⑦.⓪.⓪.{last}", f"{plain}\0.example.org", f"example.org@{plain}", f"a:b@{plain}"]
        hosts += [f"{plain}\\@example.org", f"example.org#@{plain}", f"{number + 2**32}", f"{plain}%00"]
    urls = [f"{scheme}://{host}:{port}/x.png" for host in hosts for scheme in ("http", "HTTP")]
    urls += [
        f"https://127.0.0.1:{port}/x",
        f"http:/127.0.0.1:{port}/x",
        f"http:127.0.0.1:{port}/x",
        f"//127.0.0.1:{port}/",
    ]
    urls += [
        f"{scheme}://127.0.0.1:{port}/x" for scheme in ("ftp", "gopher", "ws", "dict", "javascript", "data")
    ]
    urls += [
        f"file://{secret}",
        f"file:{secret}",
        f"FILE://localhost{secret}",
        f"url:file://{secret}",
        str(secret),
    ]
    urls += [f"http://127.0.0.1:{port}\r\nHost: example.org/", f"http://127.0.0.1:{port}/\r\nx: y", "http://"]
    urls += [
        f"http://127.0.0.1:{port + 2**16}/",
        "http://[",
        "http://[::1",
        "http://" + "a" * 70_000,
        "http://\ud800/",
    ]
    return urls


@contextlib.contextmanager
def _server() -> Iterator[tuple[int, list[str]]]:
    """A server that notes what reaches it and redirects `/to?ADDRESS`."""
    hits: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(f"{self.path} for {self.headers['Host']}")
            self.send_response(302 if self.path.startswith("/to?") else 200)
            if self.path.startswith("/to?"):
                self.send_header("Location", self.path.removeprefix("/to?"))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    serving = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    try:
        yield serving.server_port, hits
    finally:
        serving.shutdown()
        serving.server_close()
