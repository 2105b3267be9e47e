from pathlib import Path

import pytest
from pydantic import SecretStr

from finegold.errors import ConfigError
from finegold.llm import (
    Cache,
    ChatReply,
    ChatRequest,
    Endpoint,
    Limits,
    Message,
    Plan,
    Prices,
    Session,
    prices_from,
)
from finegold.run import Shard


def ask(number: int, words: int = 100) -> ChatRequest:
    return ChatRequest("m", (Message("user", (f"{number} " + "dog " * words,)),), "t/1", max_tokens=50)


def test_dollars_without_a_price_cannot_be_limited() -> None:
    with pytest.raises(ConfigError, match="--usd-per-m-prompt"):
        Limits(max_usd=1.0)


def test_prices_come_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROMPT", "COMPLETION"):
        monkeypatch.delenv(f"FINEGOLD_LLM_USD_PER_M_{name}", raising=False)
    assert prices_from() is None
    with pytest.raises(ConfigError, match="only one"):
        prices_from(prompt=0.15)
    monkeypatch.setenv("FINEGOLD_LLM_USD_PER_M_COMPLETION", "0.6")
    assert prices_from(prompt=0.15) == Prices(0.15, 0.6)
    monkeypatch.setenv("FINEGOLD_LLM_USD_PER_M_COMPLETION", "cheap")
    with pytest.raises(ConfigError, match="'cheap'"):
        prices_from(prompt=0.15)


def test_a_plan_counts_each_call_once_and_paid_ones_as_free(tmp_path: Path) -> None:
    file = tmp_path / "llm.sqlite3"
    cache = Cache(file)
    cache.put(ask(0).key(), ask(0), ChatReply("88", "stop", "m", 1, 1, "now"))
    cache.close()
    plan = Plan(file, Limits(prices=Prices(prompt=2.0, completion=10.0)))
    for number in (0, 1, 2, 2, 2):
        plan.add(ask(number))
    assert (plan.calls, plan.cached, plan.completion_tokens) == (2, 1, 100)
    # 100 words are about 100 tokens of a real tokenizer; the estimate is on the safe side and of that size.
    assert 2 * 100 < plan.prompt_tokens < 2 * 200
    assert plan.usd == pytest.approx((plan.prompt_tokens * 2 + 100 * 10) / 1e6)


def test_an_unknown_price_is_said_and_planning_makes_no_cache(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "llm.sqlite3", Limits())
    plan.add(ask(0))
    assert plan.usd is None
    assert "unknown" in dict(plan.lines())["price"]
    assert not list(tmp_path.iterdir())


def test_shards_share_all_limits() -> None:
    endpoint = Endpoint("http://127.0.0.1:1/v1", SecretStr("k"), concurrency=3, requests_per_minute=60.0)
    session = Session(endpoint, Limits(10, 6.0, Prices(1, 1)))
    shares = [session.share(Shard(number, 4)) for number in (1, 2, 3, 4)]
    assert sum(one.limits.max_calls or 0 for one in shares) == 10
    assert {one.limits.max_usd for one in shares} == {1.5}
    assert {(one.endpoint.requests_per_minute, one.endpoint.concurrency) for one in shares} == {(15.0, 1)}
    assert session.share(Shard()) == session
    assert Session(endpoint).share(Shard(1, 2)).limits == Limits()
