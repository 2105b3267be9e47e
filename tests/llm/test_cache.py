import json
import sqlite3
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def test_a_changed_reply_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "llm.sqlite3"
    cache = Cache(file)
    cache.put("k", REQUEST, reply("the score is 100"))
    cache.put("other", REQUEST, reply("20"))
    cache.close()
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = file.read_bytes()
    assert content.count(b"the score is 100") == 1
    file.write_bytes(content.replace(b"the score is 100", b"the score is 900"))
    changed = Cache(file)
    assert changed.first(["k"]) is None
    assert changed.damaged == {"k"}
    kept = changed.first(["other"])
    assert kept is not None
    assert kept[1].text == "20"
    changed.put("k", REQUEST, reply("30"))
    again = changed.first(["k"])
    assert again is not None
    assert again[1].text == "30"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**40), st.integers(1, 255))
def test_no_flipped_byte_changes_a_reply_that_is_believed(place: int, change: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "llm.sqlite3"
        cache = Cache(file)
        for number in range(5):
            cache.put(f"key{number}", REQUEST, reply(f"{number * 10}"))
        cache.close()
        content = bytearray(file.read_bytes())
        content[place % len(content)] ^= change
        file.write_bytes(bytes(content))
        try:
            changed = Cache(file)
            found = [changed.first([f"key{number}"]) for number in range(5)]
        except RunError:
            return
        changed.close()
    assert all(kept is None or kept[1].text == f"{number * 10}" for number, kept in enumerate(found))


def test_a_row_that_holds_the_reply_to_another_call_is_not_believed(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "llm.sqlite3")
    cache.put("k", REQUEST, reply("100"))
    with sqlite3.connect(tmp_path / "llm.sqlite3") as database:
        database.execute("UPDATE replies SET key = 'other'")
    assert cache.first(["other"]) is None


def test_a_cache_of_an_earlier_version_is_read_on(tmp_path: Path) -> None:
    file = tmp_path / "llm.sqlite3"
    with sqlite3.connect(file) as database:
        database.execute(
            "CREATE TABLE replies (key TEXT PRIMARY KEY, model TEXT NOT NULL, template TEXT NOT NULL, "
            "created TEXT NOT NULL, reply TEXT NOT NULL) WITHOUT ROWID"
        )
        old = {"text": "88", "finish_reason": "stop", "model": "m", "created": "2025-01-01"}
        content = json.dumps(old | {"prompt_tokens": 1, "completion_tokens": None, "cached": False})
        database.execute("INSERT INTO replies VALUES ('k', 'm', 't/1', '2025-01-01', ?)", (content,))
    kept = Cache(file).first(["k"])
    assert kept is not None
    assert (kept[1].text, kept[1].problem) == ("88", "")
    assert Cache(file).first(["k"]) == kept
