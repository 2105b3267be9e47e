import asyncio

import pytest
from pydantic import SecretStr
from tests.llm.server import FakeServer, completion

from finegold.errors import ConfigError
from finegold.llm import ChatReply, Endpoint
from finegold.llm.reply import RequestError
from finegold.llm.transport import HttpTransport, proxy_for

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_environment_names_the_proxy_and_the_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for("https://api.example/v1") is None
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@gate:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,.intern")
    found = proxy_for("https://api.example/v1")
    assert found is not None
    assert found.url == "http://gate:3128"
    assert found.authorization == "Basic bWU6aHVudGVyMi1odW50ZXIy"
    assert SECRET not in repr(found)
    assert proxy_for("http://api.example/v1") is None
    assert proxy_for("https://llm.intern:8000/v1") is None
    monkeypatch.setenv("ALL_PROXY", "gate:3129")
    found = proxy_for("http://api.example/v1")
    assert found is not None
    assert found.url == "http://gate:3129"


def test_a_proxy_of_another_kind_is_an_error_that_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://me:{SECRET}@gate:1080")
    with pytest.raises(ConfigError, match="socks5 proxy") as caught:
        proxy_for("https://api.example/v1")
    assert SECRET not in str(caught.value)


async def _send(url: str) -> ChatReply:
    transport = HttpTransport(Endpoint(url, SecretStr("sk-very-secret"), timeout=5))
    try:
        return await transport.send({"messages": []}, "k")
    finally:
        await transport.close()


def test_calls_go_through_the_proxy_with_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer(lambda _: completion("by proxy")) as gate:
        place = gate.url.removesuffix("/v1").removeprefix("http://")
        monkeypatch.setenv("HTTP_PROXY", f"http://me:{SECRET}@{place}")
        # A host that does not exist: only a proxy can answer for it.
        assert asyncio.run(_send("http://llm.invalid/v1")).text == "by proxy"
    headers = gate.asks[0].headers
    assert headers["host"] == "llm.invalid"
    assert headers["proxy-authorization"].startswith("Basic ")
    assert headers["authorization"] == "Bearer sk-very-secret"


def test_a_proxy_that_is_not_there_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://me:{SECRET}@127.0.0.1:9")
        with pytest.raises(RequestError, match="through the proxy http://127") as caught:
            asyncio.run(_send(f"{scheme}://llm.invalid/v1"))
        assert caught.value.kind == "down"
        assert SECRET not in str(caught.value)


def test_a_proxy_before_tls_sees_its_own_password_and_not_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[str] = []

    async def gate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 403 no\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(gate, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@127.0.0.1:{port}")
        async with server:
            await _send("https://llm.invalid/v1")

    with pytest.raises(RequestError, match="the proxy answered 403"):
        asyncio.run(main())
    assert heads[0].startswith("CONNECT llm.invalid:443 ")
    assert "Proxy-Authorization: Basic " in heads[0]
    assert "sk-very-secret" not in heads[0]
