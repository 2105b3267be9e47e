import asyncio
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from tests.llm.server import Answer, FakeServer, Script, completion

from finegold.errors import ConfigError
from finegold.llm import ChatReply, Endpoint
from finegold.llm.reply import RequestError
from finegold.llm.transport import HttpTransport, retry_after

KEY = "sk-very-secret-key-0123456789"

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "?", "retry-after": "2"}, 2.0),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=NOW) == seconds


def send(url: str, key: str = KEY) -> ChatReply:
    async def main() -> ChatReply:
        transport = HttpTransport(Endpoint(url, SecretStr(key), timeout=5))
        try:
            return await transport.send({"messages": [{"role": "user", "content": "ä\ud800"}]}, "the-key")
        finally:
            await transport.close()

    return asyncio.run(main())


def test_a_try_is_one_post_with_key_and_idempotency_key() -> None:
    with FakeServer(lambda _: completion(f"echo {KEY}")) as server:
        reply = send(server.url)
    (ask,) = server.asks
    assert ask.headers["authorization"] == f"Bearer {KEY}"
    assert ask.headers["idempotency-key"] == "the-key"
    assert ask.body["messages"][0]["content"] == "ä?"
    assert reply.text == "echo [key]"


def test_a_redirect_is_not_followed_and_the_key_goes_nowhere() -> None:
    with FakeServer(lambda _: completion("taken")) as other:
        moved: Script = lambda _: Answer(b"", 307, {"location": f"{other.url}/chat/completions?k={KEY}"})  # noqa: E731
        with FakeServer(moved) as server, pytest.raises(RequestError, match="--base-url") as caught:
            send(server.url)
    assert not other.asks
    assert other.url in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["two\nlines of key", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_an_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(ConfigError, match="FINEGOLD_LLM_API_KEY") as caught:
        send("http://127.0.0.1:9/v1", key)
    assert key not in str(caught.value)


def test_silence_is_a_lost_call_and_a_closed_door_is_not() -> None:
    async def hush(url: str) -> None:
        transport = HttpTransport(Endpoint(url, SecretStr(KEY), timeout=0.2))
        try:
            await transport.send({"messages": []}, "k")
        finally:
            await transport.close()

    with (
        FakeServer(lambda _: completion("late", delay=2)) as server,
        pytest.raises(RequestError, match=r"no reply within 0\.2 s") as caught,
    ):
        asyncio.run(hush(server.url))
    assert caught.value.charged
    with pytest.raises(RequestError, match="cannot connect to http://127") as caught:
        asyncio.run(hush("http://127.0.0.1:9/v1"))
    assert not caught.value.charged
