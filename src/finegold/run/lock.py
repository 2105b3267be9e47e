"""Locks: one process at a time writes to a folder or file, and a second one is told who does.

A lock is `flock` on a file of its own, so the system frees it when the process ends, however it ends. It
holds between the processes of one computer. On a network file system it holds between computers if that
passes locks on, as NFS 4 does and Lustre with the option `flock`. Where there are no locks, stderr says so.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from finegold.errors import RunError
from finegold.run.atomic import hidden_beside

_held: dict[tuple[Path, int], int] = {}
"""How often a thread holds a lock, by the lock's file and the thread."""


@contextmanager
def locked(path: Path, what: Path, advice: str, *, wait: bool = False, again: bool = False) -> Iterator[None]:
    """Hold a lock during the block.

    Args:
        path: The lock's own file; made, and removed at the end.
        what: What is written to, for the message.
        advice: What the second process can do besides waiting: "give --run another folder".
        wait: Whether to wait for the other process, where it holds the lock for a moment only.
        again: Whether a thread that holds the lock already goes on.

    Raises:
        RunError: If another process or thread holds it; names the process, its computer and its command.
    """
    path = path.absolute()
    key = (path, threading.get_ident())
    held = _held.get(key, 0) if again else 0
    file = None if held else _acquire(path, what, advice, wait=wait)
    _held[key] = _held.get(key, 0) + 1
    try:
        yield
    finally:
        _held[key] -= 1
        if not _held[key]:
            del _held[key]
        if file is not None:
            # While it is held: nobody else can have taken this file for a lock and go on with it.
            with suppress(OSError):
                path.unlink()
            os.close(file)


@contextmanager
def folder_lock(folder: Path, advice: str, *, wait: bool = False) -> Iterator[None]:
    """The lock of a folder, which is made if it is not there; see `locked`.

    Folders that were made here and in which the block wrote nothing are removed at the end: input that is
    refused leaves no empty folder behind.
    """
    folder = folder.absolute()
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder / ".lock", folder, advice, wait=wait):
            yield
    finally:
        with suppress(OSError):  # not empty
            for one in made:
                one.rmdir()


def lock_beside(target: Path, advice: str, *, again: bool = False) -> AbstractContextManager[None]:
    """The lock of a file, or of a folder that will be replaced as a whole; see `locked`.

    Args:
        target: The file or folder.
        advice: What the second one can do besides waiting.
        again: Whether a thread that holds it goes on: a pick holds that of its output folder from the start,
            and the subset is written there at its end.
    """
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    return locked(hidden_beside(target, "lock"), target, advice, again=again)


def _acquire(path: Path, what: Path, advice: str, *, wait: bool) -> int | None:
    try:
        import fcntl
    except ImportError:  # no such lock on Windows
        return None
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # the one who made the folder removed it in between
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(file)
            os.close(file)
            raise RunError(
                f"another process is writing to {what} ({owner}): wait until it ends, or {advice}"
            ) from None
        except OSError as error:
            os.close(file)
            print(
                f"finegold: {what} cannot be locked ({error.strerror}), so start no second process that "
                "writes there",
                file=sys.stderr,
            )
            return None
        with suppress(OSError):
            if os.fstat(file).st_ino == path.stat().st_ino:
                _sign(file)
                return file
        os.close(file)  # the one who held it removed this file in between


def _sign(file: int) -> None:
    """Say who holds the lock. A full disk does not matter: the lock holds without."""
    words = [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv else []
    about = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "command": " ".join(words)[:200],
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(about).encode("ascii"), 0)


def _owner(file: int) -> str:
    try:
        about = json.loads(os.pread(file, 4096, 0))
        words = "".join(c if c.isprintable() else "?" for c in str(about["command"]))
        return f"process {int(about['process'])} on {about['host']}, since {about['since']}: {words}"
    except (OSError, ValueError, KeyError, TypeError):
        return "which one is not known"
