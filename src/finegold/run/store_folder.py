"""A folder of a store that is written to: list, read, write, create if nobody did, remove."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from finegold.errors import DataError
from finegold.extras import require
from finegold.run.addresses import RemoteAddress
from finegold.run.silence import within
from finegold.run.store_errors import explained, no_protocol, persistently
from finegold.run.stores import CHUNK_SECONDS, version_of

T = TypeVar("T")

READ_ONLY = ("http", "https", "hf")
"""Protocols that finegold reads data from and writes no run folder to."""
_WITH_FOLDERS = ("sftp", "ssh", "ftp", "smb", "hdfs", "webhdfs")
_AT_ONCE = 32 << 20
"""Bytes that are sent or read within `CHUNK_SECONDS`; a larger file has more time."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What a store tells of a file: what changes when its content changes, and its bytes."""

    version: str
    size: int


class StoreFolder:
    """A folder of a store.

    Attributes:
        url: Its address, without a slash at the end.
    """

    def __init__(self, address: RemoteAddress) -> None:
        """Open a folder, which need not be there.

        Raises:
            DataError: If nothing can be written to such an address.
            MissingExtraError: If the package of the protocol is not installed.
        """
        self.url = address.url.rstrip("/")
        self._address = address
        if address.scheme in READ_ONLY:
            raise DataError(
                f"'{self.url}' can be read only, and a run folder is written to: name a folder of this "
                "computer, or of a store such as s3:// or gs://"
            )
        fsspec = require("fsspec", extra="remote", why=f"the address '{self.url}'")
        try:
            self._system, root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise no_protocol(address, error) from None
        self._root = str(root).rstrip("/")

    def list(self, folder: str = "") -> dict[str, StoredFile]:
        """The files below the folder, or below one in it, by name with slashes; empty if there is none."""
        place = f"{self._root}/{folder}".rstrip("/")

        def find() -> dict[str, dict[str, Any]]:
            self._system.invalidate_cache()
            try:
                found: dict[str, dict[str, Any]] = self._system.find(place, detail=True)
            except FileNotFoundError:
                return {}
            return found

        found = self._asked(find)
        start = len(self._root) + 1
        return {
            path[start:]: _stored(info)
            for path, info in found.items()
            if path.startswith(f"{self._root}/") and info.get("type") != "directory"
        }

    def read(self, name: str, size: int = 0) -> bytes:
        """The content of a file of about this size; raises DataError if it cannot be read."""
        return self._asked(lambda: bytes(self._system.cat_file(self._path(name))), name, size=size)

    def receive(self, name: str, target: Path, size: int) -> None:
        """Write a file of about this size to a path; raises DataError if it cannot be read."""
        self._asked(lambda: self._system.get_file(self._path(name), str(target)), name, size=size)

    def write(self, name: str, data: bytes) -> None:
        """Write a small file; raises DataError if it cannot be written."""
        self._put(name, len(data), lambda path: self._system.pipe_file(path, data))

    def send(self, name: str, source: Path) -> StoredFile:
        """Write a file with the content of another; raises DataError if it cannot be written."""
        size = source.stat().st_size
        if size <= _AT_ONCE:
            data = source.read_bytes()
            self._put(name, size, lambda path: self._system.pipe_file(path, data))
        else:  # not held in memory
            self._put(name, size, lambda path: self._system.put_file(str(source), path))
        return self._asked(lambda: _stored(self._system.info(self._path(name))), name)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file unless there is one of this name, and say whether it was written.

        Of several that try at once one alone succeeds, if the store has conditional writes, as S3 and
        Google's have. Elsewhere the last one does, and the others find its content in place of theirs.
        """

        def create() -> bool:
            self._system.invalidate_cache()
            path = self._path(name)
            if not self._system.exists(path):
                self._make_folder(name)
                try:
                    self._system.pipe_file(path, data, mode="create")
                except FileNotFoundError:
                    raise self._no_bucket() from None
                except (OSError, ValueError):
                    # Stores and their libraries say in many ways that another one was first.
                    if not self._system.exists(path):
                        raise
            return bool(self._system.cat_file(path) == data)

        return self._asked(create, name, sending=True)

    def remove(self, names: Iterable[str]) -> None:
        """Delete files; one that is not there does not matter."""

        def remove(name: str) -> None:
            try:
                self._system.rm_file(self._path(name))
            except FileNotFoundError:
                return

        for name in names:
            self._asked(partial(remove, name), name, sending=True)

    def _put(self, name: str, size: int, put: Callable[[str], object]) -> None:
        def write() -> None:
            self._make_folder(name)
            try:
                put(self._path(name))
            except FileNotFoundError:
                raise self._no_bucket() from None

        self._asked(write, name, size=size, sending=True)

    def _no_bucket(self) -> DataError:
        return DataError(f"there is no bucket for '{self.url}': make it, or check the address")

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _make_folder(self, name: str) -> None:
        """Make the folders of a file where the store has folders; a store of objects has none."""
        if self._address.scheme in _WITH_FOLDERS:
            self._system.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)

    def _asked(self, ask: Callable[[], T], name: str = "", *, size: int = 0, sending: bool = False) -> T:
        seconds = CHUNK_SECONDS * (1 + size // _AT_ONCE)
        with explained(self._address, name, sending=sending):
            return persistently(lambda: within(seconds, ask))


def _stored(info: dict[str, Any]) -> StoredFile:
    return StoredFile(version_of(info), int(info.get("size") or 0))
