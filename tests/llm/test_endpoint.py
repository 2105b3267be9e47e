import pytest
from pydantic import SecretStr

from finegold.errors import ConfigError
from finegold.llm import Endpoint, endpoint_from, model_from


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FINEGOLD_LLM_BASE_URL", "FINEGOLD_LLM_API_KEY", "OPENAI_API_KEY", "FINEGOLD_LLM_MODEL"):
        monkeypatch.delenv(name, raising=False)


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "third")
    assert endpoint_from()[1].get_secret_value() == "third"
    monkeypatch.setenv("FINEGOLD_LLM_API_KEY", "second")
    monkeypatch.setenv("FINEGOLD_LLM_BASE_URL", "http://second/v1/")
    monkeypatch.setenv("FINEGOLD_LLM_MODEL", "second")
    url, key = endpoint_from()
    assert (url, key.get_secret_value(), model_from()) == ("http://second/v1", "second", "second")
    url, key = endpoint_from("http://first/v1", "first")
    assert (url, key.get_secret_value(), model_from("first")) == ("http://first/v1", "first", "first")


def test_a_local_server_needs_no_key_and_nothing_at_all_is_an_error() -> None:
    assert endpoint_from("http://127.0.0.1:8000/v1")[0] == "http://127.0.0.1:8000/v1"
    with pytest.raises(ConfigError, match="FINEGOLD_LLM_BASE_URL"):
        endpoint_from()
    with pytest.raises(ConfigError, match="FINEGOLD_LLM_MODEL"):
        model_from()


@pytest.mark.parametrize("url", ["ftp://h/v1", "localhost:8000", "", "file:///etc/passwd"])
def test_only_http_addresses_are_taken(url: str) -> None:
    with pytest.raises(ConfigError, match="base URL"):
        Endpoint(url, SecretStr("k"))


def test_a_password_in_the_address_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError) as caught:
        Endpoint("http://me:hunter2@h/v1", SecretStr("k"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("limit", ["concurrency", "timeout", "requests_per_minute", "tokens_per_minute"])
def test_limits_must_be_positive(limit: str) -> None:
    with pytest.raises(ConfigError):
        Endpoint("http://h/v1", SecretStr("k"), **{limit: 0})
