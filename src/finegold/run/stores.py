"""Read files of a remote store through fsspec: list them, and download them into finegold's cache folder.

A file is kept under the hash of its address and of the version that the store tells (ETag, blob id, time of
change), so that a changed file is another file. A download that broke off goes on where it stopped.
"""

import hashlib
import importlib
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError, DataError
from finegold.extras import hub_address, hub_answers, require
from finegold.run.addresses import RemoteAddress, is_safe_name, pattern_folder
from finegold.run.caches import cache_folder
from finegold.run.lock import folder_lock
from finegold.run.progress import progress
from finegold.run.silence import within
from finegold.run.store_errors import MissingRemoteError, explained, no_protocol, persistently, sentence

_CHUNK = 4 << 20
ANSWER_SECONDS, CHUNK_SECONDS = 30, 120
"""How long a store may take to answer, and to send a piece of `_CHUNK` bytes."""
_THREADS = 8
LISTED = 5_000
"""Files wanted in one folder from which on it is listed, in place of a request for each."""
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_VERSIONS = (
    *("ETag", "etag", "blob_id", "md5Hash", "generation", "Content-MD5"),
    *("LastModified", "Last-Modified", "last_modified", "updated", "mtime", "created"),
)


@dataclass(frozen=True)
class RemoteFile:
    """A file of a store.

    Attributes:
        name: Its name relative to the address, with slashes.
        path: Its path as the store's file system takes it.
        size: Bytes; None if the store does not tell.
        version: What changes when its content changes; empty if the store does not tell.
        sha256: Hash of its content, if the store tells one.
    """

    name: str
    path: str
    size: int | None
    version: str
    sha256: str = ""


def remote_cache() -> Path:
    """The folder in finegold's cache folder that holds whatever was downloaded, without symbolic links."""
    return _remote_folder(cache_folder())


@lru_cache(maxsize=16)
def _remote_folder(cache: Path) -> Path:
    return cache.resolve() / "remote"


class RemoteStore:
    """One address, opened; for the hub at one commit.

    Attributes:
        address: What the user named.
        revision: The commit of the hub; empty elsewhere.
        url: The address at that commit.
    """

    def __init__(self, address: RemoteAddress) -> None:
        """Open an address.

        Raises:
            MissingExtraError: If the package of the protocol is not installed.
            DataError: If there is no network, no such repository or no access.
        """
        self.address = address
        self.revision, self.url = "", address.url
        why = f"the address '{address.url}'"
        fsspec = require("fsspec", extra="remote", why=why)
        if address.repository:
            require("huggingface_hub", extra="remote", why=why)
            with explained(address):
                self.revision = _commit(address)
            self.url = address.at(self.revision)
        options: dict[str, Any] = {"endpoint": hub_address()} if address.repository else {}
        if address.scheme in ("http", "https"):
            options = {"client_kwargs": _web_settings(fsspec.config.conf.get(address.scheme, {}))}
        try:
            self._system, self._root = fsspec.core.url_to_fs(self.url, **options)
        except (ImportError, ValueError) as error:
            raise no_protocol(address, error) from None
        except Exception as error:
            raise sentence(address, error) from None

    def files(self) -> list[RemoteFile]:
        """The files at the address: itself, what matches it, or all below it.

        Raises:
            DataError: If there is nothing, or it cannot be read.
        """
        with explained(self.address):
            if self.address.scheme in ("http", "https") and not self._root.endswith("/"):
                return [self._file(self.address.title, self._info(self._root), self._root)]
            folder = None if self.address.repository else pattern_folder(self._root)
            if folder is not None:
                base = folder
                with suppress(FileNotFoundError):
                    self._info(base)
                found = self._system.glob(self._root, detail=True)
            else:
                if self.address.path or not self.address.repository:
                    info = self._info(self._root)
                    if info["type"] != "directory" and not self._root.endswith("/"):
                        return [self._file(self.address.title, info, self._root)]
                base, found = self._root, self._system.find(self._root, detail=True)
        base = base.rstrip("/") + "/"
        inside = {name: info for name, info in found.items() if name.startswith(base)}
        files = [
            self._file(name.removeprefix(base), info, name)
            for name, info in sorted(inside.items())
            if info.get("type") != "directory" and is_safe_name(name.removeprefix(base))
        ]
        if not files:
            raise DataError(f"there are no files at '{self.address.url}', expected a dataset")
        return files

    def _info(self, path: str) -> dict[str, Any]:
        """What the store tells of a path; TimeoutError if it does not answer, when its library goes on."""
        return within(ANSWER_SECONDS, lambda: self._system.info(path))

    def find(self, names: list[str]) -> Iterator[RemoteFile | None]:
        """The file of each name below the address, in any order; None where there is none.

        Of a folder in which many are wanted the list is fetched, a thousand names in an answer.
        """
        by_folder: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            by_folder[name.rpartition("/")[0]].append(name)
        web = self.address.scheme in ("http", "https")
        with ThreadPoolExecutor(_THREADS) as pool:
            for folder, inside in by_folder.items():
                if web or len(inside) < LISTED:
                    yield from pool.map(self._find, inside)
                else:
                    yield from self._find_listed(folder, inside)

    def _find_listed(self, folder: str, names: list[str]) -> Iterator[RemoteFile | None]:
        place = f"{self._root.rstrip('/')}/{folder}".rstrip("/")
        found: dict[str, dict[str, Any]] = {}
        with explained(self.address), suppress(FileNotFoundError):
            listed = persistently(lambda: self._system.ls(place, detail=True))
            found = {one["name"].rpartition("/")[2]: one for one in listed if one["type"] != "directory"}
        for name in names:
            info = found.get(name.rpartition("/")[2])
            yield None if info is None else self._file(name, info, f"{self._root.rstrip('/')}/{name}")

    def _find(self, name: str) -> RemoteFile | None:
        path = f"{self._root.rstrip('/')}/{name}"
        try:
            with explained(self.address):
                info = self._info(path)
        except MissingRemoteError:
            return None
        return None if info.get("type") == "directory" else self._file(name, info, path)

    def _file(self, name: str, info: dict[str, Any], path: str) -> RemoteFile:
        version = version_of(info)
        lfs = info.get("lfs") or {}
        sha256 = lfs.get("sha256", "") if isinstance(lfs, dict) else getattr(lfs, "sha256", "")
        size = info.get("size")
        return RemoteFile(name, path, None if size is None else int(size), version, sha256 or "")

    def kept(self, file: RemoteFile) -> Path:
        """Where a file of this version lies once it is downloaded."""
        # The hub's versions are hashes of the content, whatever the commit.
        place = self.address.repository or file.path
        key = f"{place}\n{file.version}\n{file.size}"
        digest = file.sha256 or hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return remote_cache() / "files" / digest[:2] / digest

    def content(self, name: str, path: str) -> bytes:
        """The bytes of a small file.

        Args:
            name: Its name, for messages.
            path: Its path as the store's file system takes it.

        Raises:
            MissingRemoteError: If it is not there.
            DataError: If it cannot be read.
        """
        with explained(self.address, name):
            return persistently(lambda: within(CHUNK_SECONDS, lambda: bytes(self._system.cat_file(path))))

    def download(self, files: list[RemoteFile], folder: Path) -> None:
        """Put files into a folder under their names; what is in the cache is not downloaded again.

        Raises:
            DataError: If a file cannot be read to its end, or is not what the store announced.
        """
        lock = remote_cache() / "locks" / hashlib.sha256(self.address.url.encode()).hexdigest()[:16]
        with folder_lock(lock, "wait for it to end", wait=True):
            self._download_missing([file for file in files if not self._is_kept(file)])
            for file in files:
                _place(self.kept(file), folder / file.name)

    def _download_missing(self, missing: list[RemoteFile]) -> None:
        total = sum(file.size or 0 for file in missing)
        if missing:
            label = f"Downloading {megabytes(total)}"
            with progress(label, max(total, 1), "bytes") as advance, ThreadPoolExecutor(_THREADS) as pool:
                jobs = [pool.submit(self._download, file, advance) for file in missing]
                try:
                    for job in jobs:
                        job.result()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise

    def _is_kept(self, file: RemoteFile) -> bool:
        kept = self.kept(file)
        # A store that tells no version may have changed the file.
        return bool(file.version) and kept.is_file() and file.size in (None, kept.stat().st_size)

    def _download(self, file: RemoteFile, advance: Callable[[int], None]) -> None:
        target = self.kept(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        with explained(self.address, file.name):
            done = part.stat().st_size if part.is_file() and file.version else 0
            if file.size is None or done > file.size:
                done = 0
            with part.open("r+b" if done else "wb") as output:
                output.seek(done)
                advance(done)
                for chunk in self._chunks(file, done, output):
                    output.write(chunk)
                    advance(len(chunk))
                output.truncate()
                output.flush()
                os.fsync(output.fileno())
            _check_content(file, part, self.address)
            part.replace(target)

    def _chunks(self, file: RemoteFile, done: int, output: Any) -> Iterator[bytes]:
        if file.size is not None:
            try:
                with self._open(file, block_size=_CHUNK, cache_type="none") as opened:
                    if done and opened.seekable():
                        opened.seek(done)
                    elif done:
                        output.seek(0)
                    while chunk := _read(opened, min(_CHUNK, max(file.size - output.tell(), 1))):
                        yield chunk
                        if output.tell() >= file.size:
                            break
                return
            except ValueError as error:
                if "range" not in str(error):
                    raise
        output.seek(0)
        with self._open(file, block_size=0) as opened:
            while chunk := _read(opened, _CHUNK):
                yield chunk

    def _open(self, file: RemoteFile, **options: Any) -> Any:
        return within(ANSWER_SECONDS, lambda: self._system.open(file.path, "rb", **options))


def _read(opened: Any, size: int) -> bytes:
    found: bytes = within(CHUNK_SECONDS, lambda: opened.read(size))
    return found


def _check_content(file: RemoteFile, part: Path, address: RemoteAddress) -> None:
    size = part.stat().st_size
    if file.size is not None and size != file.size:
        if size > file.size:
            part.unlink()
        raise DataError(
            f"the download of '{file.name}' from '{address.url}' ended after {size:,} of {file.size:,} "
            "bytes: run the command again to go on"
        )
    if file.sha256:
        with part.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if digest != file.sha256:
            part.unlink()
            raise DataError(
                f"'{file.name}' from '{address.url}' has other bytes than the hub announces: run the command "
                "again to download it anew"
            )


def _place(kept: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.samefile(kept):
        return
    temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(kept, temporary)
    except OSError:
        shutil.copyfile(kept, temporary)
    temporary.replace(target)


def version_of(info: dict[str, Any]) -> str:
    """What changes when the content of a file changes, as its store tells; empty if it does not tell."""
    return next((str(info[key]) for key in _VERSIONS if info.get(key)), "")


def size_of(text: str, what: str) -> int:
    """The bytes of a size such as `20GB`.

    Args:
        text: The size.
        what: What has the size, for the message: "the limit of a download".

    Raises:
        ConfigError: If the text has another form.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", text.strip(), re.IGNORECASE)
    if found is None:
        raise ConfigError(f"{what} is '{text}', expected a size such as 20GB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def megabytes(size: int) -> str:
    """A size as a person reads it."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _web_settings(stated: dict[str, Any]) -> dict[str, Any]:
    """The user's settings of aiohttp, with limits on silence in place of one on the length of a download."""
    aiohttp = require("aiohttp", extra="remote", why="a web address")
    limits = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_SECONDS, sock_read=ANSWER_SECONDS)
    return {"timeout": limits} | dict(stated.get("client_kwargs") or {})


def _commit(address: RemoteAddress) -> str:
    if not hub_answers():
        raise DataError(
            f"the hub at {hub_address()} does not answer, so the dataset '{address.repository}' cannot be "
            "looked up: check the network, and that HF_HUB_OFFLINE is not set, or give the path of a copy on "
            "this machine"
        )
    hub = importlib.import_module("huggingface_hub")
    api = hub.HfApi(endpoint=hub_address())
    revision = address.revision or None
    return str(api.dataset_info(address.repository, revision=revision, timeout=ANSWER_SECONDS).sha)
