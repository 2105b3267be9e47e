"""Run folders by their addresses: where their working copies are on this computer."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path

from finegold.errors import ConfigError
from finegold.run.addresses import read_address
from finegold.run.atomic import write_text
from finegold.run.caches import cache_folder
from finegold.run.lock import folder_lock
from finegold.run.mirror import Mirror
from finegold.run.store_folder import StoreFolder


def working_copy(folder: str | Path) -> Path:
    """The folder of this computer that a path or an address means; a copy is brought up to date.

    Args:
        folder: A path, or an address such as `s3://bucket/pool.run`.

    Raises:
        DataError: If the address cannot be read, or nothing can be written to such an address.
        MissingExtraError: If the package of the protocol is not installed.
    """
    path = _without_scheme(folder)
    address = None if path != Path(folder) else read_address(folder)
    if address is None or address.guessed:
        return path
    url = StoreFolder(address).url
    home = _mirrors() / hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:20]
    if not (home / "copy").exists():
        home.mkdir(parents=True, exist_ok=True)
        write_text(home / "address", url)
        write_text(home / "copy", secrets.token_hex(16))
    mirror = _opened(home, os.getpid())
    mirror.pull()
    return mirror.path


def local_file(place: str | Path) -> Path:
    """The file of this computer that a path or an address means: an address lies in a run folder in a store.

    Raises:
        ConfigError: If it is an address in no run folder that was opened on this computer.
    """
    path = _without_scheme(place)
    address = None if path != place else read_address(place)
    if address is None or address.guessed:
        return path
    for mirror in _known():
        if address.url.startswith(f"{mirror.url}/"):
            return mirror.path / address.url.removeprefix(f"{mirror.url}/")
    raise ConfigError(
        f"'{address.url}' is an address, expected a file or folder of this computer: download it first, or "
        "write here and send it to the store"
    )


def _without_scheme(place: str | Path) -> Path:
    text = str(place)
    return Path("/" + text.removeprefix("file:").lstrip("/")) if text.startswith("file:/") else Path(place)


def mirror_of(path: Path) -> Mirror | None:
    """The mirror whose working copy a path lies in; None for any other path."""
    mirrors = str(_mirrors())
    text = str(path)
    if not text.startswith(f"{mirrors}{os.sep}"):
        return None
    return _opened(_mirrors() / Path(text[len(mirrors) + 1 :]).parts[0], os.getpid())


@lru_cache(maxsize=16)
def _opened(home: Path, process: int) -> Mirror:
    del process  # a database is not shared with a process that was forked
    return Mirror(home)


def with_addresses(text: str) -> str:
    """A text in which addresses stand in place of working copies."""
    if str(_mirrors()) in text:
        for mirror in _known():
            text = text.replace(str(mirror.path), mirror.url)
    return text


@contextmanager
def writing_to(folder: Path, advice: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a folder, and of a working copy the turn to write to its store: see `folder_lock`."""
    with folder_lock(folder, advice, wait=wait):
        mirror = mirror_of(folder)
        with nullcontext() if mirror is None else mirror.turn(advice, wait=wait):
            yield


def _known() -> list[Mirror]:
    """The mirrors that this computer has."""
    return [_opened(mark.parent, os.getpid()) for mark in sorted(_mirrors().glob("*/copy"))]


def _mirrors() -> Path:
    return cache_folder().resolve() / "mirrors"
