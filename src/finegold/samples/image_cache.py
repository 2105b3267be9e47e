"""The images of remote folders on this machine: fetched when they are read, no more of them than a limit.

A row of `images.sqlite3` in the folder of what was downloaded says where an image lies, what it holds, and
when it was last read. An image is known from the moment that its store was asked for it, whether it is here
or not. Several processes share the folder: before a file is written, the least recently read ones are deleted
until there is room. What is read is compared with its hash, and a damaged file is fetched again.
"""

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from finegold.errors import DataError, RunError
from finegold.run import progress
from finegold.run.addresses import read_address
from finegold.run.atomic import unique_name
from finegold.run.store_errors import MissingRemoteError
from finegold.run.stores import RemoteFile, RemoteStore, megabytes, remote_cache, size_of

LIMIT_VARIABLE = "FINEGOLD_IMAGE_CACHE"
DEFAULT_LIMIT = "50GB"
_THREADS = 16
_REMEMBERED = 512
"""Readings that are noted in one write."""
_ABANDONED_SECONDS = 3600
"""Age of a half-written file whose process is gone."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS image (
    path TEXT PRIMARY KEY, store TEXT NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL, used REAL NOT NULL, here INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS image_used ON image (used) WHERE here;
CREATE TABLE IF NOT EXISTS held (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO held VALUES (1, 0);
"""


@dataclass(frozen=True, slots=True)
class _Image:
    """A row of the database: see `_SCHEMA`; `size` is -1 and `sha256` empty while they are not known."""

    path: str
    store: str
    name: str
    place: str
    size: int
    sha256: str
    here: int


class ImageCache:
    """The images of remote folders that are on this machine."""

    def __init__(self, folder: Path) -> None:
        """Open the cache in a folder, or begin it; raises RunError if its database cannot be used."""
        self._folder = folder
        self._lock = threading.RLock()
        self._used: dict[str, float] = {}
        self._stores: dict[str, RemoteStore] = {}
        path = folder / "images.sqlite3"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise RunError(
                f"the list of downloaded images {path} cannot be used ({error}): delete the folder {folder}, "
                "or set FINEGOLD_CACHE to a folder of this computer"
            ) from error
        for left in (folder / "tmp").glob("*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                    left.unlink()

    def announce(self, store: RemoteStore, folder: Path, files: Iterable[RemoteFile]) -> None:
        """Take note of images that a store has; each is fetched when it is read.

        Args:
            store: The store.
            folder: Where they will lie, under their names.
            files: What the store told of them.
        """
        now = time.time()
        rows = [
            (*(str(folder / one.name), store.url, one.name, one.path), _size(one), one.sha256, now)
            for one in files
        ]
        with self._writing():
            self._db.executemany("INSERT OR IGNORE INTO image VALUES (?, ?, ?, ?, ?, ?, ?, 0)", rows)

    def knows(self, path: Path) -> bool:
        """Whether there is an image: as a file, or in its store."""
        return os.path.isfile(path) or self._row(path) is not None  # noqa: PTH113 - as below

    def size(self, path: Path) -> int:
        """Bytes of an image that is not here, as its store told them; 0 if that is not known."""
        row = self._row(path)
        return 0 if row is None else max(0, row.size)

    def read(self, path: Path) -> bytes | None:
        """The bytes of an image; None if the cache does not know it.

        Raises:
            DataError: If its store cannot be read, or has other bytes than it had.
        """
        row = self._row(path)
        if row is None:
            return None
        if row.here:
            try:
                data = path.read_bytes()
            except OSError:
                data = b""
            if row.sha256 == hashlib.sha256(data).hexdigest():
                self._note_use(row.path)
                return data
        return self._fetch(row)

    def fetch_all(self, folder: Path) -> None:
        """Fetch all known images of a folder at once, if they fit into the cache together.

        Raises:
            DataError: If the store cannot be read.
        """
        inside = f"{folder}{os.sep}"
        # Names that begin so: the end is the next possible text.
        query = f"SELECT {', '.join(_Image.__slots__)} FROM image WHERE path >= ? AND path < ?"
        with self._lock:
            rows = [
                _Image(*row) for row in self._db.execute(query, (inside, f"{folder}{chr(ord(os.sep) + 1)}"))
            ]
        missing = [row for row in rows if not row.here]
        total = sum(max(0, row.size) for row in missing)
        if not missing or sum(max(0, row.size) for row in rows) > image_cache_limit():
            return
        label = f"Downloading {megabytes(total)}"
        with progress(label, max(total, 1), "bytes") as advance, ThreadPoolExecutor(_THREADS) as pool:
            jobs = pool.map(self._fetch, missing)
            try:
                for data in jobs:
                    advance(len(data))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _row(self, path: Path) -> _Image | None:
        query = f"SELECT {', '.join(_Image.__slots__)} FROM image WHERE path = ?"
        with self._lock:
            found = self._db.execute(query, (str(path),)).fetchone()
        return None if found is None else _Image(*found)

    def _fetch(self, row: _Image) -> bytes:
        try:
            data = self._store(row.store).content(row.name, row.place)
        except MissingRemoteError as error:
            raise DataError(
                f"{error}, although it was there when the data was opened: put it back, or delete "
                f"{self._folder} and give another run folder"
            ) from None
        digest = hashlib.sha256(data).hexdigest()
        if row.sha256 not in ("", digest) or row.size not in (-1, len(data)):
            raise DataError(
                f"'{row.name}' of '{row.store}' has other bytes than when the data was first read: put them "
                f"back, or delete {self._folder} and give another run folder"
            )
        self._keep(row, data, digest)
        return data

    def _store(self, url: str) -> RemoteStore:
        with self._lock:
            if url not in self._stores:
                address = read_address(url)
                assert address is not None  # of a store that was opened
                self._stores[url] = RemoteStore(address)
            return self._stores[url]

    def _keep(self, row: _Image, data: bytes, digest: str) -> None:
        """Write a file if it may stay; the room for it is taken before."""
        path, limit = Path(row.path), image_cache_limit()
        kept = len(data) <= limit
        with self._writing():
            self._db.executemany("UPDATE image SET used = ? WHERE path = ?", self._noted_uses())
            here, size = self._db.execute(
                "SELECT here, size FROM image WHERE path = ?", (row.path,)
            ).fetchone()
            held = self._db.execute("SELECT bytes FROM held").fetchone()[0] - (size if here else 0)
            if kept:
                held = self._make_room(held, limit - len(data), row.path) + len(data)
            self._db.execute("UPDATE held SET bytes = ?", (held,))
            self._db.execute(
                "UPDATE image SET here = ?, size = ?, sha256 = ?, used = ? WHERE path = ?",
                (kept, len(data), digest, time.time(), row.path),
            )
        if kept:
            temporary = self._folder / "tmp" / unique_name()
            temporary.parent.mkdir(exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_bytes(data)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def _make_room(self, held: int, wanted: int, but: str) -> int:
        """Delete the least recently read files until at most `wanted` bytes are held; returns those held."""
        query = "SELECT path, size FROM image WHERE here AND path <> ? ORDER BY used LIMIT 64"
        while held > wanted:
            oldest = self._db.execute(query, (but,)).fetchall()
            if not oldest:
                return 0
            for path, size in oldest:
                if held <= wanted:
                    break
                Path(path).unlink(missing_ok=True)
                self._db.execute("UPDATE image SET here = 0 WHERE path = ?", (path,))
                held -= size
        return held

    def _note_use(self, path: str) -> None:
        with self._lock:
            self._used[path] = time.time()
            full = len(self._used) >= _REMEMBERED
        if full:
            with self._writing():
                self._db.executemany("UPDATE image SET used = ? WHERE path = ?", self._noted_uses())

    def _noted_uses(self) -> list[tuple[float, str]]:
        noted, self._used = self._used, {}
        return [(when, path) for path, when in noted.items()]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction, for which other processes wait."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _size(file: RemoteFile) -> int:
    return -1 if file.size is None else file.size


def image_cache_limit() -> int:
    """Bytes that the images of remote folders may take on this machine: FINEGOLD_IMAGE_CACHE, or 50 GB.

    Raises:
        ConfigError: If the variable names no size.
    """
    return size_of(os.environ.get(LIMIT_VARIABLE) or DEFAULT_LIMIT, "the limit of the image cache")


def image_cache() -> ImageCache:
    """The cache of this process."""
    return _opened(remote_cache(), os.getpid())


@lru_cache(maxsize=4)
def _opened(folder: Path, process: int) -> ImageCache:
    del process  # a database is not shared with a process that was forked
    return ImageCache(folder)


def image_is_there(path: Path) -> bool:
    """Whether there is an image: as a file, or in the store from which it is fetched."""
    # os.path: a name that is too long for a file is one that is not there.
    there = os.path.isfile(path)  # noqa: PTH113
    return there or (is_remote(path) and image_cache().knows(path))


def is_remote(path: Path) -> bool:
    """Whether a file is one of a remote folder, which may not be here."""
    return str(path).startswith(f"{remote_cache()}{os.sep}")
