"""Turns: who writes to a folder of a store, where no lock of the system holds.

Each turn is a small file, `.turns/00000007.json`, whose number is one more than that of the turn before. Who
creates the file has the turn, until it removes it. It is renewed every few seconds. A turn that is not
renewed while another process watches it for `LEASE_SECONDS` is over: its process was killed. No clocks are
compared, since the watcher takes its own time.
"""

import json
import os
import secrets
import socket
import sys
import time
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.run.store_errors import MissingRemoteError
from finegold.run.store_folder import StoreFolder

RENEW_SECONDS = 10.0
"""Time between two renewals of a turn."""
LEASE_SECONDS = 60.0
"""Time without a renewal after which a turn is over."""
POLL_SECONDS = 2.0
"""Time between two looks at another one's turn."""


class Lease:
    """The right to write to a folder of a store."""

    def __init__(self, store: StoreFolder, copy: str, kind: str = "turns") -> None:
        """Take no turn yet.

        Args:
            store: The folder.
            copy: A text that the working copy of this computer has alone. Its lock is held meanwhile, so that
                a turn that names it is of a killed process.
            kind: What the turns are for; those of different kinds are independent.
        """
        self._store, self._copy, self._folder = store, copy, f".{kind}"
        self._number = 0
        self._content: dict[str, Any] = {}

    def acquire(self, advice: str, *, wait: bool) -> None:
        """Take the next turn.

        Args:
            advice: What the second process can do besides waiting.
            wait: Whether to wait until another process ends its turn, instead of raising.

        Raises:
            RunError: If another process has a turn.
            DataError: If the store cannot be reached or written.
        """
        self._content = {
            "token": secrets.token_hex(8),
            "copy": self._copy,
            "process": os.getpid(),
            "host": socket.gethostname(),
            # The verb alone: the rest of a command may hold what others shall not read.
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])[:100] if sys.argv else "",
            "renewed": 0,
        }
        watched: tuple[int, bytes] | None = None
        since = 0.0
        while True:
            numbers = self._numbers()
            newest = numbers[-1] if numbers else 0
            try:
                content = self._store.read(self._name(newest)) if newest else b""
            except MissingRemoteError:  # the next turn began meanwhile
                continue
            holder = _parsed(content)
            if newest and holder.get("copy") != self._copy:
                if watched is None:
                    watched, since = (newest, content), time.monotonic()
                    print(
                        f"finegold: {_words(holder)} may be writing to {self._store.url}: waiting for up to "
                        f"{LEASE_SECONDS:.0f} seconds to see whether it still does",
                        file=sys.stderr,
                    )
                elif (newest, content) != watched:
                    if not wait:
                        raise RunError(
                            f"another process is writing to {self._store.url} ({_words(holder)}): wait until "
                            f"it ends, or {advice}"
                        )
                    watched, since = (newest, content), time.monotonic()
                if time.monotonic() - since < LEASE_SECONDS:
                    time.sleep(POLL_SECONDS)
                    continue
            if self._store.create(self._name(newest + 1), self._text()):
                self._number = newest + 1
                self._store.remove(map(self._name, numbers))
                return
            watched = None

    def renew(self) -> None:
        """Say that the turn goes on; raises RunError if another process took the next one."""
        self.check()
        self._content["renewed"] += 1
        self._store.write(self._name(self._number), self._text())

    def check(self) -> None:
        """Raise RunError if another process took the next turn."""
        numbers = self._numbers()
        if not numbers or numbers[-1] != self._number or self._holder() != self._content["token"]:
            raise RunError(
                f"another process took over {self._store.url}, since this one could not reach it for "
                f"{LEASE_SECONDS:.0f} seconds: wait until it ends, then run the same command again"
            )

    def release(self) -> None:
        """End the turn."""
        self._store.remove([self._name(self._number)])

    def _holder(self) -> object:
        try:
            return _parsed(self._store.read(self._name(self._number))).get("token")
        except MissingRemoteError:
            return None

    def _numbers(self) -> list[int]:
        names = [name.rpartition("/")[2].removesuffix(".json") for name in self._store.list(self._folder)]
        return sorted(int(name) for name in names if name.isdigit())

    def _name(self, number: int) -> str:
        return f"{self._folder}/{number:08d}.json"

    def _text(self) -> bytes:
        return json.dumps(self._content).encode("ascii")


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _words(holder: dict[str, Any]) -> str:
    text = f"process {holder.get('process')} on {holder.get('host')}: {holder.get('command')}"
    return "".join(c if c.isprintable() else "?" for c in text)
