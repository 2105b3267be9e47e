"""Replies that were paid for, in SQLite: written before anything else happens with them."""

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

from finegold.errors import RunError
from finegold.llm.reply import ChatReply
from finegold.llm.request import ChatRequest, marker_of
from finegold.run import cache_folder

_FIELDS = tuple(field.name for field in fields(ChatReply))

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, template TEXT NOT NULL, created TEXT NOT NULL, reply TEXT NOT
    NULL
) WITHOUT ROWID;
"""


def default_cache() -> Path:
    """`llm.sqlite3` in FINEGOLD_CACHE, else in the user's cache folder."""
    return cache_folder() / "llm.sqlite3"


class Cache:
    """One SQLite file in WAL mode; several processes may share it.

    A commit survives the end of the process at any point. It also holds the secret from which the markers of
    untrusted text are made, so that a resumed run sends what it would have sent.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file, readable by its owner only; raises RunError if it is no cache."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
            self._db.execute(
                "INSERT OR IGNORE INTO settings VALUES ('secret', ?)", (secrets.token_bytes(32),)
            )
            row = self._db.execute("SELECT value FROM settings WHERE name = 'secret'").fetchone()
        except (sqlite3.Error, OSError) as error:
            raise RunError(
                f"the reply cache {path} cannot be used ({error}): name another file, or move this one away"
            ) from error
        self._secret: bytes = row[0]

    def marker(self, key: str) -> str:
        """The marker that delimits the untrusted text of the request with this key."""
        return marker_of(self._secret, key)

    def first(self, keys: Iterable[str]) -> tuple[str, ChatReply] | None:
        """The first of these keys whose reply was paid for, and that reply, marked as cached; else None."""
        keys = tuple(keys)
        marks = ", ".join("?" * len(keys))
        rows = dict(self._db.execute(f"SELECT key, reply FROM replies WHERE key IN ({marks})", keys))
        for key in keys:
            if key in rows:
                return key, replace(ChatReply(**json.loads(rows[key])), cached=True)
        return None

    def put(self, key: str, request: ChatRequest, reply: ChatReply) -> None:
        """Keep a reply; on disk when this returns. The first reply of a key stays.

        Raises:
            RunError: If it cannot be written: going on would lose calls that were paid.
        """
        # `asdict` copies deeply, at a fifth of the time of the write.
        content = json.dumps({name: getattr(reply, name) for name in _FIELDS})
        row = (key, request.model, request.template, reply.created, content)
        try:
            self._db.execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise RunError(
                f"the reply cache {self.path} cannot be written ({error}): free some space"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()
