"""Fetch a dataset from elsewhere into finegold's cache folder: its data files, and the images that it names.

The layout of a remote folder is found as on disk (`layout`), by an outline of it: empty files with its names.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.run import slug, write_text
from finegold.run.addresses import RemoteAddress, is_safe_name, read_address
from finegold.run.stores import RemoteFile, RemoteStore, megabytes, remote_cache, size_of
from finegold.samples.image_cache import image_cache

DOWNLOAD_LIMIT = "50GB"
_SMALL = ("README.md", "dataset_info.json", "state.json", "dataset_dict.json")
_MOST_SMALL = 1 << 20


@dataclass(frozen=True)
class FetchedData:
    """A dataset that was fetched.

    Attributes:
        path: Its folder on this machine, or its file.
        files: The data files, in reading order.
        title: Its name.
        address: Its address; on the hub with the commit.
        revision: The commit, or a hash of the versions of its files.
    """

    path: Path
    files: list[Path]
    title: str
    address: str
    revision: str


def download_bytes(limit: str | None) -> int:
    """The bytes of a limit such as `20GB`; raises ConfigError for another form."""
    return size_of(limit or DOWNLOAD_LIMIT, "the limit of a download")


def fetch_data(
    address: RemoteAddress,
    choose: Callable[[Path], list[Path]],
    *,
    split: str | None = None,
    revision: str | None = None,
    limit: int,
) -> FetchedData:
    """Download the data files of a dataset, or find them in the cache.

    Args:
        address: Where it lies.
        choose: The data files of a folder or file on disk; it raises DataError if there are none.
        split: What `choose` was told, which is part of what is remembered.
        revision: The revision that it must have; one that is in the cache needs no network.
        limit: Most bytes that all data files may have.

    Raises:
        DataError: If it cannot be reached, has changed since that revision, or is too large.
    """
    if revision and (known := _remembered(address, split, revision)):
        return known
    try:
        store = RemoteStore(address)
    except DataError as error:
        raise _both_readings(address, error) from None
    files = store.files()
    one = len(files) == 1 and files[0].name == address.title
    chosen, whole = (files, False) if one else _chosen(store, files, choose)
    found = store.revision or _hash([[file.name, file.size, file.version] for file in chosen])
    if revision and found != revision:
        raise DataError(
            f"'{address.url}' has changed since the run began (revision {revision[:12]}, now {found[:12]}): "
            "give another run folder"
        )
    check_size(address, sum(file.size or 0 for file in chosen), limit)
    folder = _folder(address, found)
    store.download(chosen, folder)
    paths = [folder] if whole else [folder / file.name for file in chosen]
    fetched = FetchedData(paths[0] if one else folder, paths, address.title, store.url, found)
    _remember(address, split, fetched)
    return fetched


def fetch_file(address: RemoteAddress, name: str) -> tuple[Path, str]:
    """Download a small file of a remote folder; its path, and the address of the folder as it is now.

    Raises:
        DataError: If it is not there, cannot be reached, or is not small.
    """
    try:
        store = RemoteStore(address)
    except DataError as error:
        raise _both_readings(address, error) from None
    (file,) = store.find([name])
    if file is None:
        raise DataError(f"there is no {name} at '{address.url}': name the data without #")
    check_size(address, file.size or 0, _MOST_SMALL)
    folder = _folder(address, store.revision or _hash([file.name, file.size, file.version]))
    store.download([file], folder)
    return folder / name, store.url


def check_size(address: RemoteAddress, size: int, limit: int) -> None:
    """Raise DataError if what would be downloaded is larger than the limit; both in bytes."""
    if size > limit:
        raise DataError(
            f"'{address.url}' has {megabytes(size)} to download, more than the limit of {megabytes(limit)}: "
            "raise it with --download-limit"
        )


def _chosen(
    store: RemoteStore, files: list[RemoteFile], choose: Callable[[Path], list[Path]]
) -> tuple[list[RemoteFile], bool]:
    """The files to download, and whether they are a folder that is a dataset as a whole."""
    by_name = {file.name: file for file in files}
    with tempfile.TemporaryDirectory() as scratch:
        outline = Path(scratch) / slug(store.address.title)
        small = [
            file
            for file in files
            if file.name.rpartition("/")[2] in _SMALL or file.name.endswith(".toml")
            if (file.size or 0) <= _MOST_SMALL
        ]
        store.download(small, outline)
        for name in by_name:
            target = outline / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch()
        try:
            found = choose(outline)
        except DataError as error:
            raise DataError(str(error).replace(str(outline), store.url)) from None
        names = [path.relative_to(outline).as_posix() for path in found]
    if names == ["."]:
        return files, True
    chosen: list[RemoteFile] = []
    for name in names:
        inside = [file for file in files if file.name.startswith(f"{name}/")]
        chosen += inside or [by_name[name]]
    return chosen, False


def _both_readings(address: RemoteAddress, error: DataError) -> DataError:
    if not address.guessed:
        return error
    name = address.url.removeprefix("hf://datasets/")
    return DataError(f"there is nothing at the path {name}, and as a hub id: {error}")


def fetch_images(
    address: RemoteAddress, names: Iterable[str], limit: int, *, fetched: Path | None = None
) -> Path:
    """Look up the images that records name in a remote folder; each is downloaded when it is read.

    Args:
        address: The remote folder.
        names: Names relative to it. A name that would leave it is left out.
        limit: Most bytes that all images may have.
        fetched: Where they go; a folder of the cache if None.

    Returns:
        The folder in which they will lie; what the store does not have stays missing.

    Raises:
        DataError: If the folder cannot be reached, or the images are larger than the limit.
    """
    wanted = [name for name in dict.fromkeys(names) if is_safe_name(name)]
    folder = fetched or _folder(address, "images")
    folder.mkdir(parents=True, exist_ok=True)
    note = remote_cache() / "absent" / f"{_hash([address.url, address.revision])}.json"
    absent = set(_read(note) or ())
    cache = image_cache()
    missing = [name for name in wanted if not cache.knows(folder / name)]
    asked_before = absent.issuperset(missing)
    if not missing or (asked_before and re.fullmatch("[0-9a-f]{40}", address.revision)):
        return folder
    try:
        store = RemoteStore(address)
    except DataError:
        if asked_before:
            return folder
        raise
    found: list[RemoteFile] = []
    size = 0
    for file in store.find(missing):
        if file is not None:
            found.append(file)
            size += file.size or 0
        check_size(address, size, limit)
    cache.announce(store, folder, found)
    absent |= set(missing) - {file.name for file in found}
    note.parent.mkdir(parents=True, exist_ok=True)
    write_text(note, json.dumps(sorted(absent)))
    return folder


def image_address(images: str | Path | None) -> RemoteAddress | None:
    """The address that a folder of images is; None if it is a path."""
    found = None if images is None else read_address(images)
    return None if found is None or found.guessed else found


def _folder(address: RemoteAddress, revision: str) -> Path:
    key = _hash([address.url, revision])
    title = slug(address.title)
    if len(Path(address.title).suffix) > 1 and not title.endswith(Path(address.title).suffix):
        title = "data"
    return remote_cache() / "datasets" / key[:20] / title


def _pin(address: RemoteAddress, split: str | None, revision: str) -> Path:
    return remote_cache() / "known" / f"{_hash([address.url, split, revision])}.json"


def _remember(address: RemoteAddress, split: str | None, fetched: FetchedData) -> None:
    pin = _pin(address, split, fetched.revision)
    pin.parent.mkdir(parents=True, exist_ok=True)
    base = remote_cache()
    relative = [str(path.relative_to(base)) for path in (fetched.path, *fetched.files)]
    sizes = [path.stat().st_size if path.is_file() else None for path in (fetched.path, *fetched.files)]
    write_text(pin, json.dumps({"paths": relative, "sizes": sizes, "address": fetched.address}))


def _remembered(address: RemoteAddress, split: str | None, revision: str) -> FetchedData | None:
    try:
        known = _read(_pin(address, split, revision))
        paths = [remote_cache() / name for name in known["paths"]]
        whole = all(
            path.exists() and (size is None or path.stat().st_size == size)
            for path, size in zip(paths, known["sizes"], strict=True)
        )
        if whole:
            return FetchedData(paths[0], paths[1:], address.title, known["address"], revision)
    except (ValueError, KeyError, TypeError):
        pass
    return None


def _read(note: Path) -> Any:
    """What a note of the cache holds; None if it is not there or damaged."""
    try:
        return json.loads(note.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode("ascii")).hexdigest()
