import ipaddress
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from tests.loopback import answering

from finegold.samples.exclusions import ImageError
from finegold.samples.fetch import Address, fetch, is_public
from finegold.samples.images import decode
from finegold.samples.sample import ImageRef


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to?"))
            self.end_headers()
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(30):
                try:
                    self.wfile.write(b"x")
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.05)
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"x" * 10)
        elif self.path == "/missing":
            self.send_error(404)
        else:
            body = f"{self.path} for {self.headers['Host'].split(':')[0]}".encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with answering(Handler) as url:
        yield int(url.rpartition(":")[2])


def only_this(address: Address) -> bool:
    return str(address) == "127.0.0.1"


def get(url: str, seconds: float = 10.0) -> bytes:
    return fetch(url, max_bytes=1000, seconds=seconds, allowed=only_this)


def refusal(url: str) -> ImageError:
    with pytest.raises(ImageError) as error:
        get(url)
    return error.value


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        *("255.255.255.255", "240.0.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::"),
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_outside_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"]
)
def test_local_hosts_are_refused_however_they_are_written(server: int, host: str) -> None:
    with pytest.raises(ImageError) as error:
        decode(ImageRef("x", url=f"http://{host}:{server}/image.jpg"))
    assert error.value.exclusion.code in {"url-not-allowed", "url-failed"}
    if host in ("127.0.0.1", "[::1]"):
        assert error.value.exclusion.code == "url-not-allowed"


def test_a_file_is_fetched_and_redirects_are_followed(server: int) -> None:
    assert get(f"http://127.0.0.1:{server}/a b?q=é") == b"/a%20b?q=%C3%A9 for 127.0.0.1"
    assert get(f"http://127.0.0.1:{server}/to?/there").startswith(b"/there")


def test_redirects_are_checked_like_the_first_address(server: int) -> None:
    base = f"http://127.0.0.1:{server}"
    assert refusal(f"{base}/to?http://127.0.0.2:{server}/").exclusion.code == "url-not-allowed"
    assert refusal(f"{base}/to?file:///etc/passwd").exclusion.code == "url-not-allowed"
    assert refusal(f"{base}/to?ftp://127.0.0.1/").exclusion.code == "url-not-allowed"
    for location in ("http://[", "//[::1", "http://[::1%]:x/"):
        assert refusal(f"{base}/to?{location}").exclusion.code == "url-not-allowed"
    assert "more than" in str(
        refusal(f"{base}/to?{base}/to?{base}/to?{base}/to?{base}/to?{base}/to?{base}/to?/x")
    )


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    entries = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("1.1.1.1", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    with pytest.raises(ImageError) as error:
        fetch("http://example.org/a.jpg", max_bytes=10, seconds=1)
    assert error.value.exclusion.code == "url-not-allowed"


def test_the_connection_goes_to_the_address_that_was_checked(
    server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    real, asked = socket.getaddrinfo, []

    def rebinding(host: str, *args: object, **options: object) -> object:
        if host == "rebind.example":
            asked.append(host)
            address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server))]
        return real(host, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert get(f"http://rebind.example:{server}/x") == b"/x for rebind.example"
    assert asked == ["rebind.example"]


def test_limits_end_a_fetch(server: int) -> None:
    base = f"http://127.0.0.1:{server}"
    with pytest.raises(ImageError, match="took too long"):
        get(f"{base}/slow", seconds=0.3)
    with pytest.raises(ImageError) as error:
        fetch(f"{base}/slow", max_bytes=3, seconds=5, allowed=only_this)
    assert error.value.exclusion.code == "large-image"
    assert refusal(f"{base}/short").exclusion.code == "url-failed"
    assert "404" in str(refusal(f"{base}/missing"))
    for url in ("http://[::1", "http:///x", "http://127.0.0.1:99999/", "gopher://x/"):
        assert refusal(url).exclusion.code == "url-not-allowed"
