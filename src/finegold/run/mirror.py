"""Run folders in a store: a working copy on this computer, sent to the store file by file.

    CACHE/mirrors/<hash of the address>/
      pool.run/        the working copy: all that finegold does with a run folder happens here
      files.sqlite3    what the store has of each file, and what of it is here
      address          the address

All that holds for a run folder on a disk so holds here: whole parts, hashes, the lock. When a folder is
opened, the list of the store's files is fetched, and those that are not parts of tables. A part is fetched
when it is read, and compared with its hash. What was written is sent every few seconds and at the end, the
marks of what is whole last. One computer at a time writes: see `lease`.
"""

import re
import secrets
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from finegold.errors import DataError, FinegoldError, RunError
from finegold.run.addresses import read_address
from finegold.run.atomic import atomic_path, write_bytes
from finegold.run.fingerprint import file_sha256
from finegold.run.lease import RENEW_SECONDS, Lease
from finegold.run.lock import locked
from finegold.run.store_folder import StoredFile, StoreFolder

MANIFEST, DONE = "manifest.json", "done.json"
NOT_SENT = ("features",)
"""Folders of a run that can be made again."""
MARKS = "marks.jsonl"
GROWING = ("events.jsonl", "audit-llm.jsonl")
"""Files that grow all the time, which are sent at the end only."""
SEND_SECONDS = 10.0
"""Time between two sendings while a command computes."""
_THREADS = 8
_PART = re.compile(r"(^|/)part-\d+\.parquet$")
_OF_A_TABLE = re.compile(r"(^|/)(part-\d+\.parquet|parts.*\.sha256|step\.json)$")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS file (
    name TEXT PRIMARY KEY, version TEXT NOT NULL, size INTEGER NOT NULL, stamp TEXT
) WITHOUT ROWID;
"""
"""`stamp` is that of the file here when it was as in the store; null where it was not fetched."""


class Mirror:
    """A folder of a store and its working copy.

    Attributes:
        url: The address.
        path: The working copy.
    """

    def __init__(self, home: Path) -> None:
        """Use `working_copy` or `mirror_of`, which know the folder of an address in the cache."""
        self.url = (home / "address").read_text("utf-8").strip()
        self.path = home / _title(self.url)
        self._home = home
        self._lock = threading.RLock()
        self._store: StoreFolder | None = None
        self._db = sqlite3.connect(
            home / "files.sqlite3", timeout=60, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self._held: set[str] = set()

    @property
    def store(self) -> StoreFolder:
        """The folder in the store; opened when it is first needed."""
        with self._lock:
            if self._store is None:
                address = read_address(self.url)
                assert address is not None
                self._store = StoreFolder(address)
            return self._store

    def pull(self) -> None:
        """Take over what changed in the store: its list of files, and the files that are no parts of tables.

        What was changed on both sides is as in the store afterwards; lines of a log and of hashes that were
        not sent are kept behind those of the store.

        Raises:
            DataError: If the store cannot be read.
            RunError: If the run folder was deleted in the store, and somebody writes to the copy.
        """
        with self._syncing():
            there = {name: one for name, one in self.store.list().items() if _is_sent(name)}
            if MANIFEST not in there and self._known(MANIFEST) is not None:
                self._clear()
            elif not (self.path / MANIFEST).exists() if MANIFEST in there else not self.path.exists():
                self._write_db("DELETE FROM file")  # the working copy was deleted
            known = self._all_known()
            for name in known.keys() - there.keys():
                path = self.path / name
                if _stamp(path) == known[name][1]:
                    path.unlink(missing_ok=True)
                self._write_db("DELETE FROM file WHERE name = ?", name)
            wanted = []
            for name, now in there.items():
                version, stamp = known.get(name, ("", None))
                if name in known and version == now.version:
                    continue
                path = self.path / name
                if _stamp(path) not in (None, stamp) and self._kept_both(name, now):
                    continue
                path.unlink(missing_ok=True)
                path.parent.mkdir(parents=True, exist_ok=True)
                self._note(name, now, None)
                if not (MANIFEST in there and _PART.search(name)):
                    wanted.append(name)
            self._fetch_all(wanted)

    def push(self, sent: Callable[[str], bool] = lambda _: True, *, delete: bool = True) -> None:
        """Send what changed here: what says that something is whole after what it speaks of.

        Args:
            sent: Which files are sent, by name.
            delete: Whether what was deleted here is deleted in the store.

        Raises:
            DataError: If the store cannot be written.
        """
        with self._syncing():
            here = {
                name: stamp
                for path in sorted(self.path.rglob("*"))
                if _is_sent(name := path.relative_to(self.path).as_posix())
                if (stamp := _stamp(path)) is not None
            }
            known = self._all_known()
            gone = [name for name, (_, stamp) in known.items() if stamp is not None and name not in here]
            gone = [name for name in gone if delete and sent(name)]
            changed = [name for name, stamp in here.items() if known.get(name, ("", None))[1] != stamp]
            self._remove([name for name in gone if name.endswith(DONE)])
            for names in _in_order(filter(sent, changed)):
                with ThreadPoolExecutor(_THREADS) as pool:
                    list(pool.map(self._send, names))
            self._remove([name for name in gone if not name.endswith(DONE)])

    def listed(self, folder: Path) -> list[Path]:
        """The files of a folder that are in the store and were not fetched."""
        inside = f"{folder.relative_to(self.path).as_posix()}/"
        query = "SELECT name FROM file WHERE name > ? AND name < ? AND stamp IS NULL ORDER BY name"
        with self._lock:
            found = self._db.execute(query, (inside, f"{inside[:-1]}0")).fetchall()  # "0" comes after "/"
        return [self.path / name for (name,) in found if "/" not in name.removeprefix(inside)]

    def holds(self, path: Path) -> bool:
        """Whether a file is in the store and was not fetched."""
        name = path.relative_to(self.path).as_posix()
        query = "SELECT 1 FROM file WHERE name = ? AND stamp IS NULL"
        with self._lock:
            return self._db.execute(query, (name,)).fetchone() is not None

    def fetch(self, path: Path, hashes: Collection[str] = ()) -> None:
        """Fetch a file that is in the store, unless it is here.

        Args:
            path: The file in the working copy.
            hashes: The sha256 that it may have; none if they are not known.

        Raises:
            RunError: If the store holds other bytes.
            DataError: If the store cannot be read.
        """
        name = path.relative_to(self.path).as_posix()
        if path.exists() or (now := self._known(name)) is None:
            return
        with atomic_path(path, sync=False) as temporary:
            for attempt in (1, 2):
                self.store.receive(name, temporary, now.size)
                if not hashes or file_sha256(temporary) in hashes:
                    break
                if attempt == 2:
                    raise RunError(
                        f"{self.url}/{name} is damaged, since its content does not fit its hash: `finegold "
                        f"check {self.url} --repair` removes it, and the command that made it makes it again"
                    )
        self._note(name, now, _stamp(path))

    def drop(self, path: Path) -> None:
        """Delete a file, which may not have been fetched; it goes in the store with the next sending."""
        path.unlink(missing_ok=True)
        name = path.relative_to(self.path).as_posix()
        self._write_db("UPDATE file SET stamp = '' WHERE name = ? AND stamp IS NULL", name)

    def fetch_parts(self) -> None:
        """Fetch whatever was not fetched."""
        with self._lock:
            found = self._db.execute("SELECT name FROM file WHERE stamp IS NULL").fetchall()
        with self._syncing():
            self._fetch_all([name for (name,) in found])

    @contextmanager
    def turn(self, advice: str, *, wait: bool = False, kind: str = "turns", only: str = "") -> Iterator[None]:
        """Have the turn to write during the block, and send what was written.

        Args:
            advice: What a second process can do besides waiting.
            wait: Whether to wait for another computer.
            kind: What the turn is for; of those of one kind there is one at a time.
            only: The file that is sent; empty for all.

        Raises:
            RunError: If another computer has the turn.
            DataError: If the store cannot be read or written; what was computed is kept here.
        """
        if kind in self._held:
            yield
            return
        lease = Lease(self.store, (self._home / "copy").read_text("ascii"), kind)
        lease.acquire(advice, wait=wait)
        self._held.add(kind)

        def send() -> None:
            self.push(lambda name: _is_steady(name, only))

        def end() -> None:
            lease.check()
            self.push(lambda name: only in ("", name))
            lease.release()

        try:
            with every(RENEW_SECONDS, lease.renew):
                try:
                    self.pull()
                    with every(SEND_SECONDS, send):
                        yield
                except BaseException:
                    with suppress(FinegoldError):
                        end()
                    raise
                try:
                    end()
                except DataError as error:
                    raise DataError(
                        f"{error}; what was computed is kept on this computer, and the same command sends it"
                    ) from None
        finally:
            self._held.discard(kind)

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send the parts that are written during the block, as shards do that write parts of their own."""

        def send() -> None:
            self.push(lambda name: bool(_OF_A_TABLE.search(name)), delete=False)

        with every(SEND_SECONDS, send):
            yield

    @contextmanager
    def _syncing(self) -> Iterator[None]:
        """One process of this computer at a time compares the copy with the store."""
        with locked(self._home / "syncing", self.path, "wait", wait=True, again=True):
            yield

    def _clear(self) -> None:
        """Forget a run that was deleted in the store."""
        self._write_db("DELETE FROM file")
        if self._held:
            raise RunError(f"the run folder {self.url} was deleted meanwhile: run the same command again")
        for path in self.path.iterdir() if self.path.exists() else ():
            if path.is_dir():
                shutil.rmtree(path)
            elif not path.name.startswith("."):
                path.unlink()

    def _kept_both(self, name: str, now: StoredFile) -> bool:
        """Keep the lines of a file that changed here and in the store; whether they could be put together."""
        path = self.path / name
        if path.name == MARKS:  # lines that name others by their numbers
            apart = path.with_name(f"unsent-{secrets.token_hex(4)}.jsonl")
            path.rename(apart)
            print(
                f"finegold: marks that were made here and not sent are in {apart}, since others were made "
                f"in {self.url} meanwhile",
                file=sys.stderr,
            )
            return False
        if path.suffix not in (".jsonl", ".sha256"):
            return False
        there = self.store.read(name, now.size)
        known = set(there.splitlines())
        own = [line for line in path.read_bytes().splitlines() if line not in known]
        write_bytes(path, there + b"".join(line + b"\n" for line in own))
        self._note(name, now, None)
        return True

    def _fetch_all(self, names: list[str]) -> None:
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(lambda name: self.fetch(self.path / name), names))

    def _send(self, name: str) -> None:
        path = self.path / name
        stamp = _stamp(path)
        with suppress(FileNotFoundError):
            self._note(name, self.store.send(name, path), stamp)

    def _remove(self, names: list[str]) -> None:
        self.store.remove(names)
        for name in names:
            self._write_db("DELETE FROM file WHERE name = ?", name)

    def _known(self, name: str) -> StoredFile | None:
        with self._lock:
            found = self._db.execute("SELECT version, size FROM file WHERE name = ?", (name,)).fetchone()
        return None if found is None else StoredFile(*found)

    def _all_known(self) -> dict[str, tuple[str, str | None]]:
        """The version in the store and the stamp here of each file."""
        with self._lock:
            found = self._db.execute("SELECT name, version, stamp FROM file").fetchall()
        return {name: (version, stamp) for name, version, stamp in found}

    def _note(self, name: str, now: StoredFile, stamp: str | None) -> None:
        self._write_db("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)", name, now.version, now.size, stamp)

    def _write_db(self, statement: str, *values: object) -> None:
        with self._lock:
            self._db.execute(statement, values)


@contextmanager
def every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Call a function again and again during the block, in a thread.

    What finegold raises in it is passed over: a store that is away for a while is no reason to stop, and what
    follows the block says whether all was sent.
    """
    over = threading.Event()

    def run() -> None:
        while not over.wait(seconds):
            with suppress(FinegoldError):
                act()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _title(url: str) -> str:
    return re.sub(r"[^\w.=+-]", "-", url.rpartition("/")[2]).strip(".-") or "run"


def _stamp(path: Path) -> str | None:
    """A mark that changes with a file; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}" if path.is_file() else None


def _is_sent(name: str) -> bool:
    *folders, last = name.split("/")
    own = last.startswith(".") or last.endswith(".journal")  # blocks of a part in work
    return not own and not any(one.startswith(".") or one in NOT_SENT for one in folders)


def _is_steady(name: str, only: str) -> bool:
    return name == only if only else name.rpartition("/")[2] not in GROWING


def _in_order(names: Iterable[str]) -> list[list[str]]:
    """Names in groups that are sent one after the other."""
    groups: list[list[str]] = [[], [], [], []]
    for name in names:
        last = name.rpartition("/")[2]
        late = 3 if last == DONE else 2 if last.endswith(".json") else 1
        groups[0 if name == MANIFEST else late].append(name)
    return [group for group in groups if group]
