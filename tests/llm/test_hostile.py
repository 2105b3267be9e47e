"""The client against an endpoint that misbehaves in every way that `tests.llm.hostile` knows."""

import asyncio
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.llm.hostile import FAULTS, Fault, hostile
from tests.llm.server import Answer, Ask, FakeServer, completion

from finegold.llm import (
    CallFailed,
    ChatReply,
    ChatRequest,
    Endpoint,
    Halted,
    Limits,
    Message,
    Session,
    map_bounded,
)

HONEST = '{"score": 85, "reason": "It names the dog."}'
RETRIES = 4


def request(number: int) -> ChatRequest:
    return ChatRequest("m", (Message("user", (f"row {number}.",)),), "t/1")


def session(url: str, folder: Path, **changes: Any) -> Session:
    endpoint = Endpoint(
        url, SecretStr("k" * 20), timeout=60, backoff=0.001, retries=RETRIES, concurrency=8, down_wait=0.01
    )
    made = Session(endpoint, Limits(), folder / "llm.sqlite3", folder / "audit.jsonl")
    return replace(made, **changes)


def complete(used: Session, requests: list[ChatRequest]) -> list[ChatReply | CallFailed]:
    """All replies with one client; failures in place of replies; whatever else is raised fails the test."""

    async def main() -> list[ChatReply | CallFailed]:
        client = await used.open()

        async def one(asked: ChatRequest) -> ChatReply | CallFailed:
            try:
                return await client.complete(asked)
            except CallFailed as failure:
                return failure

        try:
            return await map_bounded(one, requests, concurrency=8)
        finally:
            await client.close()

    return asyncio.run(main())


@pytest.mark.parametrize("name", FAULTS)
def test_a_call_that_always_meets_a_fault_ends_as_it_should_and_is_not_paid_again(
    tmp_path: Path, name: str
) -> None:
    fault: Fault = FAULTS[name]
    with FakeServer(lambda _: fault.answer(HONEST)) as server:
        used = session(server.url, tmp_path)
        (result,) = complete(used, [request(0)])
        assert len(server.asks) == (fault.tries or RETRIES + 1)
        (again,) = complete(session(server.url, tmp_path), [request(0)])
        sent_again = len(server.asks) - (fault.tries or RETRIES + 1)
    audited = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert audited
    if fault.ends == "read":
        assert isinstance(result, ChatReply)
        assert result.answer == HONEST
        assert replace(result, cached=True) == again
        assert sent_again == 0
        assert used.ledger.spent.prompt_tokens < 1000
    elif fault.ends == "empty":
        assert isinstance(result, ChatReply)
        assert (result.text, result.answer) == ("", "")
        assert fault.tells in result.why_empty
        assert sent_again == 0
    else:
        assert isinstance(result, CallFailed)
        assert fault.tells in str(result)
        assert str(result).isprintable()
        assert isinstance(again, CallFailed)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.ends == "empty"])
def test_an_empty_reply_is_sent_again_only_when_asked_and_then_kept(tmp_path: Path, name: str) -> None:
    with FakeServer(lambda _: FAULTS[name].answer(HONEST)) as server:
        complete(session(server.url, tmp_path), [request(0)])
        paid = len(server.asks)
        server.script = lambda _: completion(HONEST)
        (mended,) = complete(session(server.url, tmp_path, retry=True), [request(0)])
        (kept,) = complete(session(server.url, tmp_path), [request(0)])
    assert isinstance(mended, ChatReply)
    assert mended.text == HONEST
    assert kept == replace(mended, cached=True)
    assert len(server.asks) == paid + 1
    # A gateway gives the reply of a known key again, so the second call needs another one.
    assert server.asks[-1].key != server.asks[0].key


def test_asked_again_in_vain_it_is_paid_once_a_run_however_often_the_row_comes(tmp_path: Path) -> None:
    with FakeServer(lambda _: FAULTS["null-content"].answer("")) as server:
        complete(session(server.url, tmp_path), [request(0)] * 3)
        complete(session(server.url, tmp_path, retry=True), [request(0)] * 3 + [request(1)])
    assert len(server.asks) == 1 + 2


def test_faults_among_honest_replies_lose_nothing_and_nothing_honest_is_paid_twice(tmp_path: Path) -> None:
    names = [name for name, fault in FAULTS.items() if fault.ends != "stopped" and "bomb" not in name]

    def honest(ask: Ask) -> str:
        return f"reply to {ask.text}"

    requests = [request(number) for number in range(300)]
    with FakeServer(hostile(names, honest)) as server:
        results = complete(session(server.url, tmp_path), requests)
        first = len(server.asks)
        again = complete(session(server.url, tmp_path), requests)
        met = {ask.key for ask in server.asks if ask.tries > 0}
    for number, result in enumerate(results):
        if isinstance(result, ChatReply) and result.text:
            assert result.answer == f"reply to row {number}."
        else:
            assert result.why_empty if isinstance(result, ChatReply) else str(result)
    honest_ones = [key for key in server.charged if key not in met]
    assert len(honest_ones) > 150
    assert all(server.charged[key] == 1 for key in honest_ones)
    failed = sum(isinstance(result, CallFailed) for result in results)
    assert len(server.asks) - first == failed
    for before, after in zip(results, again, strict=True):
        if isinstance(before, ChatReply):
            assert after == replace(before, cached=True)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.ends == "stopped"])
def test_calls_in_flight_end_when_a_reply_stops_the_run(tmp_path: Path, name: str) -> None:
    def script(ask: Ask) -> Answer:
        if "row 3." in ask.text:
            return replace(FAULTS[name].answer(""), delay=0.05)
        return completion("ok", delay=0.3)

    with FakeServer(script) as server:
        results = complete(session(server.url, tmp_path), [request(number) for number in range(30)])
        known = complete(session(server.url, tmp_path), [request(number) for number in range(3)])
        assert len(server.asks) == 8
    assert sum(isinstance(result, ChatReply) for result in results) == 7
    assert all(isinstance(result, ChatReply) for result in known)
    assert isinstance(results[-1], Halted)


def test_a_bomb_takes_little_memory(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        sys.path[:0] = sys.argv[3:]
        from tests.llm.test_hostile import complete, request, session
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        complete(session(sys.argv[1], Path(sys.argv[2])), [request(number) for number in range(8)])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        """
    )
    with FakeServer(lambda _: FAULTS["gzip-bomb"].answer("")) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.url, str(tmp_path), *sys.path],
            capture_output=True,
            text=True,
            check=True,
        )
    # Eight bombs of 600 MiB at once.
    assert int(done.stdout) < 150 * 1024


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["stop", "length", "text", "thinking", "85", "insufficient_quota", 429, 402, 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "text",
                    "type",
                    "error",
                    "code",
                    "reasoning_content",
                    "usage",
                    "prompt_tokens",
                    "model",
                    "completion_tokens",
                    "delta",
                    "finish_reason",
                    "tool_calls",
                    "refusal",
                    "detail",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
MESSAGE = st.fixed_dictionaries({"choices": st.lists(st.fixed_dictionaries({"message": JSON}), max_size=2)})
HEADERS = st.dictionaries(
    st.sampled_from(["location", "retry-after", "retry-after-ms", "content-type", "x-a", "set-cookie"]),
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60)
    | st.sampled_from(["9" * 400, "http://[", "//:x", "Fri, 31 Dec 9999 23:59:59 -2359", "inf", "-1", "1e9"]),
    max_size=3,
)
STATUS = st.sampled_from([200, 200, 200, 201, 204, 307, 400, 403, 413, 429, 500, 503])


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(lambda _: completion("ok")) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


def _meets(server: FakeServer, folder: Path, answer: Answer) -> None:
    """One generated response among honest ones: nothing raises, and no honest call is sent twice."""
    number = len(server.asks)
    server.script = lambda ask: answer if f"row {number}." in ask.text else completion("ok")
    endpoint = Endpoint(
        server.url, SecretStr("k" * 20), timeout=5, retries=1, backoff=0.0, max_wait=0.01, concurrency=4
    )
    used = Session(endpoint, Limits(), folder / "llm.sqlite3", folder / "audit.jsonl")
    results = complete(used, [request(number + 10**6 * extra) for extra in range(4)])
    honest = [ask.text for ask in server.asks[number:] if ask.text != f"row {number}."]
    assert len(honest) == len(set(honest))
    for result in results[1:]:
        assert isinstance(result, Halted) or (isinstance(result, ChatReply) and result.text == "ok")
    first = results[0]
    text = str(first) if isinstance(first, CallFailed) else first.why_empty
    assert text.isprintable()
    text.encode("utf-8")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON | MESSAGE, STATUS, HEADERS)
def test_no_json_and_no_header_raises(
    server: FakeServer, folder: Path, value: Any, status: int, headers: dict[str, str]
) -> None:
    _meets(server, folder, Answer(json.dumps(value).encode(), status, headers))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, deflate", "", "\xff,,"])
)
def test_no_bytes_in_no_encoding_raise(
    server: FakeServer, folder: Path, content: bytes, encoding: str
) -> None:
    _meets(server, folder, Answer(content, headers={"content-encoding": encoding}))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=120), st.booleans())
def test_no_bytes_in_place_of_http_raise(
    server: FakeServer, folder: Path, content: bytes, begins: bool
) -> None:
    _meets(server, folder, Answer(b"", raw=(b"HTTP/1.1 200 OK\r\n" if begins else b"") + content))
