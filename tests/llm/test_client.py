import asyncio
import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.llm.server import Answer, Ask, FakeServer, Script, completion, error

from finegold.llm import (
    Cache,
    CachedClient,
    CallFailed,
    ChatReply,
    ChatRequest,
    Endpoint,
    Halted,
    Limits,
    Message,
    Prices,
    Session,
    map_bounded,
)

KEY = "sk-very-secret-key-0123456789"
QUICK: dict[str, Any] = {"backoff": 0.01, "timeout": 5.0, "concurrency": 8, "down_wait": 0.05}


def endpoint(url: str, **changes: Any) -> Endpoint:
    return Endpoint(url, SecretStr(KEY), **{**QUICK, **changes})


def ask(number: int, **changes: Any) -> ChatRequest:
    return ChatRequest("m", (Message("user", (f"row {number}",)),), "t/1", tags={"row": number}, **changes)


def run(
    script: Script,
    folder: Path,
    requests: list[ChatRequest],
    limits: Limits | None = None,
    **settings: Any,
) -> tuple[list[ChatReply | CallFailed], FakeServer, CachedClient]:
    """Complete all requests against a scripted server; failures in place of replies."""

    async def main(url: str) -> tuple[list[ChatReply | CallFailed], CachedClient]:
        place = endpoint(url, **settings)
        session = Session(place, limits or Limits(), folder / "llm.sqlite3", folder / "audit.jsonl")
        client = await session.open()

        async def one(request: ChatRequest) -> ChatReply | CallFailed:
            try:
                return await client.complete(request)
            except CallFailed as failure:
                return failure

        results = await map_bounded(one, requests, concurrency=place.concurrency)
        await client.close()
        return results, client

    with FakeServer(script) as server:
        outcome, client = asyncio.run(main(server.url))
    return outcome, server, client


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]


def misbehave(ask: Ask) -> Answer:
    """A tenth each: 429, 500, slow, cut off, malformed."""
    text = ask.body["messages"][0]["content"]
    whole = completion(f"reply to {text}")
    chance = int(ask.chance() * 10)
    if chance == 0:
        return error(429, "slow down", retry_after="0.02")
    if chance == 1:
        return error(500, "oops")
    if chance == 2:
        return Answer(whole.body, delay=0.6)
    if chance == 3:
        return Answer(whole.body, cut=len(whole.body) // 2)
    if chance == 4:
        return Answer(whole.body[:40])
    return whole


def test_every_call_ends_with_its_own_reply_whatever_the_server_does(tmp_path: Path) -> None:
    requests = [ask(i) for i in range(100)]
    results, server, client = run(misbehave, tmp_path, requests, timeout=0.3, retries=25, concurrency=32)
    assert [r.text for r in results if isinstance(r, ChatReply)] == [f"reply to row {i}" for i in range(100)]
    tries = Counter(line["outcome"] for line in lines(tmp_path))
    assert tries["reply"] == 100
    assert all(tries[kind] > 5 for kind in ("busy", "down", "lost", "garbled"))
    # A try that timed out before the server read it is a call that the server has not seen.
    assert sum(tries.values()) == client.budget.spent.calls >= len(server.asks) > 100

    again, second, _ = run(misbehave, tmp_path, requests)
    assert [r.text for r in again if isinstance(r, ChatReply)] == [f"reply to row {i}" for i in range(100)]
    assert not second.asks


def test_a_call_that_keeps_failing_fails_with_the_last_reason_and_the_others_go_on(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        return error(500, "worker died") if "row 3" in ask.text else completion("ok")

    results, server, _ = run(script, tmp_path, [ask(i) for i in range(10)], retries=2)
    assert [isinstance(r, ChatReply) for r in results] == [i != 3 for i in range(10)]
    assert "3 tries" in str(results[3])
    assert "worker died" in str(results[3])
    assert len(server.asks) == 9 + 3


def test_retry_after_is_a_lower_bound(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        return error(429, retry_after="1") if ask.tries == 0 else completion("ok")

    results, server, _ = run(script, tmp_path, [ask(0)])
    assert isinstance(results[0], ChatReply)
    assert server.asks[1].time - server.asks[0].time >= 1.0


def test_an_endpoint_that_asks_for_an_hour_is_not_waited_for(tmp_path: Path) -> None:
    results, server, _ = run(lambda _: error(429, retry_after="3600"), tmp_path, [ask(0)])
    assert "3600 s" in str(results[0])
    assert len(server.asks) == 1


def test_equal_requests_in_flight_are_one_call(tmp_path: Path) -> None:
    results, server, _ = run(lambda _: completion("ok", delay=0.1), tmp_path, [ask(0)] * 8)
    assert len(server.asks) == 1
    assert all(isinstance(r, ChatReply) for r in results)


def test_concurrency_is_bounded_also_across_callers(tmp_path: Path) -> None:
    async def main(url: str) -> None:
        client = await Session(endpoint(url, concurrency=3), cache=tmp_path / "c").open()
        await asyncio.gather(*(client.complete(ask(i)) for i in range(20)))
        await client.close()

    with FakeServer(lambda _: completion("ok", delay=0.05)) as server:
        asyncio.run(main(server.url))
    assert server.peak == 3


def test_requests_per_minute_are_kept(tmp_path: Path) -> None:
    _, server, _ = run(
        lambda _: completion("ok"), tmp_path, [ask(i) for i in range(9)], requests_per_minute=60
    )
    times = [a.time for a in server.asks]
    # Six may go at once (a tenth of a minute's worth), the others one a second.
    assert times[8] - times[0] >= 2.5


def test_a_server_that_is_not_there_is_given_up_quickly(tmp_path: Path) -> None:
    async def main() -> list[str]:
        session = Session(endpoint("http://127.0.0.1:9/v1", down_after=4, retries=3), cache=tmp_path / "c")
        client = await session.open()
        reasons = []
        for i in range(12):
            with pytest.raises(CallFailed) as caught:
                await client.complete(ask(i))
            reasons.append(str(caught.value))
        await client.close()
        return reasons

    reasons = asyncio.run(main())
    assert "cannot connect to http://127.0.0.1:9" in reasons[0]
    assert reasons[-1].startswith("not sent: http://127.0.0.1:9 is down")


def test_an_outage_is_sat_out_with_probes(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        return error(503, "restarting") if 5 <= ask.number < 14 else completion("ok")

    requests = [ask(i) for i in range(40)]
    results, server, client = run(script, tmp_path, requests, concurrency=4, down_after=6, retries=20)
    assert all(isinstance(r, ChatReply) for r in results)
    assert client.halted is None
    assert len(server.asks) == 40 + 9


def test_a_refused_key_stops_everything_and_shows_no_key(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        return error(401, f"bad key {ask.headers['authorization']}")

    results, server, client = run(script, tmp_path, [ask(i) for i in range(30)], concurrency=2)
    assert len(server.asks) <= 2
    assert isinstance(results[-1], Halted)
    shown = "".join(map(str, results)) + (tmp_path / "audit.jsonl").read_text() + str(client.halted)
    assert "bad key" in shown
    assert KEY not in shown


def test_the_key_is_nowhere_but_in_the_header(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def script(ask: Ask) -> Answer:
        return completion(f"you sent {ask.headers['authorization']}")

    results, server, _ = run(script, tmp_path, [ask(0)])
    assert server.asks[0].headers["authorization"] == f"Bearer {KEY}"
    everything = caplog.text + repr(results) + repr(endpoint("http://h/v1"))
    for file in tmp_path.iterdir():
        everything += file.read_bytes().decode("latin-1")
    assert KEY not in everything


def test_calls_refused_from_the_start_stop_the_run(tmp_path: Path) -> None:
    script = lambda _: error(404, "no model named m")  # noqa: E731
    results, server, client = run(script, tmp_path, [ask(i) for i in range(60)], concurrency=1)
    assert len(server.asks) == 12
    assert "no model named m" in str(client.halted)
    assert isinstance(results[-1], Halted)


def test_one_refused_row_stops_nothing(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        return error(400, "too long") if ask.number % 2 else completion("ok")

    results, server, _ = run(script, tmp_path, [ask(i) for i in range(40)], concurrency=1)
    assert sum(isinstance(r, ChatReply) for r in results) == 20
    assert len(server.asks) == 40


def with_plain(number: int) -> ChatRequest:
    return ask(number, schema={"type": "object"}, plain=ask(number))


def test_structured_output_that_is_refused_is_replaced_by_plain_replies_and_said(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        return (
            error(400, "response_format is not supported")
            if "response_format" in ask.body
            else completion("ok")
        )

    results, server, client = run(script, tmp_path, [with_plain(i) for i in range(40)], concurrency=16)
    assert all(isinstance(r, ChatReply) for r in results)
    assert len(client.notes) == 1
    assert "structured output was refused" in client.notes[0]
    assert sum("response_format" in a.body for a in server.asks) <= 16
    again, second, _ = run(script, tmp_path, [with_plain(i) for i in range(40)])
    assert not second.asks
    assert all(isinstance(r, ChatReply) for r in again)


def test_models_that_want_the_other_length_field_get_it(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        refused = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        return error(400, refused) if "max_tokens" in ask.body else completion("ok")

    results, _, _ = run(script, tmp_path, [ask(i) for i in range(20)])
    assert all(isinstance(r, ChatReply) for r in results)


def test_max_calls_counts_every_request_sent(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        return error(500) if ask.number % 3 == 0 else completion("ok")

    results, server, client = run(script, tmp_path, [ask(i) for i in range(50)], Limits(max_calls=20))
    assert len(server.asks) == 20
    assert 0 < sum(isinstance(r, ChatReply) for r in results) < 20
    assert isinstance(results[-1], Halted)
    assert "20 calls" in str(client.halted)


def test_max_usd_is_used_up_and_never_passed(tmp_path: Path) -> None:
    prices = Prices(prompt=1000.0, completion=1000.0)
    limits = Limits(max_usd=2.2, prices=prices)
    requests = [ask(i, max_tokens=200) for i in range(60)]
    results, server, client = run(lambda _: completion("ok"), tmp_path, requests, limits, concurrency=32)
    spent = limits.usd(client.budget.spent.prompt_tokens, client.budget.spent.completion_tokens)
    # Each call costs 0.11 dollars by its usage and could cost more than 0.2.
    assert spent is not None
    assert 2.2 - 0.25 < spent <= 2.2
    assert len(server.asks) == sum(isinstance(r, ChatReply) for r in results) == round(spent / 0.11)
    assert "2.2 dollars" in str(client.halted)


def test_lost_calls_count_against_the_budget_and_free_ones_do_not(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        if ask.tries == 0:
            return error(429)
        return Answer(completion("ok").body, cut=10) if ask.tries == 1 else completion("ok", usage=False)

    _, _, client = run(script, tmp_path, [ask(0, max_tokens=500)])
    spent = client.budget.spent
    assert (spent.calls, spent.replies, spent.uncertain) == (3, 1, 1)
    assert 500 < spent.completion_tokens < 520


def test_a_reply_is_kept_before_it_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead(Exception):
        pass

    async def main(url: str) -> None:
        client = await Session(endpoint(url), cache=tmp_path / "c").open()

        def die(*_: Any) -> None:
            raise Dead

        monkeypatch.setattr(client._audit, "write", die)
        with pytest.raises(Dead):
            await client.complete(ask(0))
        await client.close()

    with FakeServer(lambda _: completion("paid")) as server:
        asyncio.run(main(server.url))
    kept = Cache(tmp_path / "c").first([ask(0).key()])
    assert kept is not None
    assert kept[1].text == "paid"
