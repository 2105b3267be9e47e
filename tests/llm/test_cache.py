import stat
from pathlib import Path

import pytest

from finegold.errors import RunError
from finegold.llm import Cache, ChatReply, ChatRequest, Message

REQUEST = ChatRequest("m", (Message("user", ("x",)),), "t/1")


def reply(text: str) -> ChatReply:
    return ChatReply(text, "stop", "m-1", 3, None, "2026-01-01T00:00:00+00:00")


def test_replies_and_the_secret_outlive_the_process(tmp_path: Path) -> None:
    first = Cache(tmp_path / "llm.sqlite3")
    first.put("k", REQUEST, reply("ein Hund \U0001f415"))
    second = Cache(tmp_path / "llm.sqlite3")
    kept = second.first(["k"])
    assert kept is not None
    assert (kept[1].text, kept[1].completion_tokens, kept[1].cached) == ("ein Hund \U0001f415", None, True)
    assert second.first(["other"]) is None
    assert second.marker("k") == first.marker("k")
    assert Cache(tmp_path / "other.sqlite3").marker("k") != first.marker("k")


def test_the_first_paid_reply_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "llm.sqlite3")
    cache.put("k", REQUEST, reply("first"))
    cache.put("k", REQUEST, reply("second"))
    kept = cache.first(["k"])
    assert kept is not None
    assert kept[1].text == "first"


def test_others_cannot_read_it(tmp_path: Path) -> None:
    Cache(tmp_path / "llm.sqlite3")
    assert stat.S_IMODE((tmp_path / "llm.sqlite3").stat().st_mode) == 0o600


def test_a_file_that_is_no_cache_is_named_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "llm.sqlite3"
    file.write_bytes(b"my thesis" * 1000)
    with pytest.raises(RunError, match=r"llm\.sqlite3"):
        Cache(file)
    assert file.read_bytes() == b"my thesis" * 1000
