"""Replies that were paid for, in SQLite: written before anything else happens with them."""

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

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


_DAMAGE = (sqlite3.Error, ValueError, TypeError, LookupError)
"""What SQLite raises on a damaged file: its own message about it may not be UTF-8."""

_VERSION = 2
"""Of the file: since 2, each row has its hash."""


def default_cache() -> Path:
    """`llm.sqlite3` in FINEGOLD_CACHE, else in the user's cache folder."""
    return cache_folder() / "llm.sqlite3"


class Cache:
    """One SQLite file in WAL mode; several processes may share it.

    A commit survives the end of the process at any point. Each row holds its hash: a row that was changed is
    not believed, and its call is sent again. The file also holds the secret from which the markers of
    untrusted text are made, so that a resumed run sends what it would have sent.

    Attributes:
        path: The file.
        damaged: Keys whose rows do not have their hash.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file, readable by its owner only; raises RunError if it is no cache."""
        self.path = path
        self.damaged: set[str] = set()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            # A damaged text is found by its hash; it shall not end the query of the others.
            self._db.text_factory = lambda data: data.decode("utf-8", "replace")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
            self._add_hashes()
            self._db.execute(
                "INSERT OR IGNORE INTO settings VALUES ('secret', ?)", (secrets.token_bytes(32),)
            )
            secret = self._db.execute("SELECT value FROM settings WHERE name = 'secret'").fetchone()[0]
        except (*_DAMAGE, OSError) as error:
            raise RunError(
                f"the reply cache {path} cannot be used ({_why(error)}): name another file, or move this one "
                "away"
            ) from error
        self._secret: bytes = secret if isinstance(secret, bytes) else str(secret).encode("utf-8", "replace")

    def _add_hashes(self) -> None:
        """Give each row of a file that an earlier version made its hash."""
        if self._db.execute("PRAGMA user_version").fetchone()[0] >= _VERSION:
            return
        self._db.execute("BEGIN IMMEDIATE")
        if self._db.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
            if "sha256" not in {row[1] for row in self._db.execute("PRAGMA table_info(replies)")}:
                self._db.execute("ALTER TABLE replies ADD COLUMN sha256 TEXT")
            for row in self._db.execute("SELECT key, reply FROM replies WHERE sha256 IS NULL").fetchall():
                self._db.execute("UPDATE replies SET sha256 = ? WHERE key = ?", (_hash(*row), row[0]))
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        self._db.execute("COMMIT")

    def marker(self, key: str) -> str:
        """The marker that delimits the untrusted text of the request with this key."""
        return marker_of(self._secret, key)

    def first(self, keys: Iterable[str]) -> tuple[str, ChatReply] | None:
        """The first of these keys whose reply was paid for, and that reply, marked as cached; else None."""
        keys = tuple(keys)
        marks = ", ".join("?" * len(keys))
        query = f"SELECT key, reply, sha256 FROM replies WHERE key IN ({marks})"
        try:
            rows = {row[0]: row[1:] for row in self._db.execute(query, keys)}
        except _DAMAGE as error:
            raise RunError(
                f"the reply cache {self.path} is unreadable ({_why(error)}): name another file, or move this "
                "one away, and its calls are paid again"
            ) from error
        for key in keys:
            if key not in rows:
                continue
            content, known = rows[key]
            if isinstance(content, str) and known == _hash(key, content):
                return key, replace(_reply(json.loads(content)), cached=True)
            self.damaged.add(key)
        return None

    def put(self, key: str, request: ChatRequest, reply: ChatReply, *, again: bool = False) -> None:
        """Keep a reply; on disk when this returns. The first reply of a key stays.

        Args:
            key: Key of the request.
            request: The request.
            reply: The reply.
            again: Whether the reply takes the place of an earlier one, as it does where that is damaged.

        Raises:
            RunError: If it cannot be written: going on would lose calls that were paid.
        """
        # `asdict` copies deeply, at a fifth of the time of the write.
        held = {name: getattr(reply, name) for name in _FIELDS}
        content = json.dumps({name: value for name, value in held.items() if value != ()})
        model = request.model.encode("utf-8", "replace").decode("utf-8")
        row = (key, model, request.template, reply.created, content, _hash(key, content))
        how = "REPLACE" if again or key in self.damaged else "IGNORE"
        names = "key, model, template, created, reply, sha256"
        try:
            self._db.execute(f"INSERT OR {how} INTO replies ({names}) VALUES (?, ?, ?, ?, ?, ?)", row)
        except _DAMAGE as error:
            raise RunError(
                f"the reply cache {self.path} cannot be written ({_why(error)}): free some space"
            ) from error
        self.damaged.discard(key)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _reply(held: dict[str, Any]) -> ChatReply:
    """A reply as it was, its lists of log-probabilities tuples again."""
    known: dict[str, Any] = {
        name: tuple(map(tuple, value)) if isinstance(value, list) else value
        for name, value in held.items()
        if name in _FIELDS
    }
    return ChatReply(**known)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, sqlite3.Error | OSError) else "it is damaged"


def _hash(key: str, content: str) -> str:
    """Hash of a row, over its key too, so that no row stands for another call."""
    return hashlib.sha256(f"{key}\n{content}".encode("utf-8", "replace")).hexdigest()
