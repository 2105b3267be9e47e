"""The images that the records of a dataset name, looked up in a remote folder: those alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from finegold.run.addresses import RemoteAddress, pattern_folder, read_address
from finegold.samples.dataset import Dataset
from finegold.samples.exclusions import RowError
from finegold.samples.image_cache import image_cache, image_is_there, is_remote
from finegold.samples.image_fields import RawImage
from finegold.samples.remote import FetchedData, fetch_images
from finegold.samples.roots import ImageRoot

_FIRST = 16
_HELD = 1000
"""Images that records hold as bytes before any is named: from then on none is looked for elsewhere."""


def remote_images(
    dataset: Dataset,
    images: RemoteAddress | None,
    fetched: FetchedData | None,
    limit: int,
    *,
    allow_urls: bool = False,
) -> ImageRoot | None:
    """Look up the images of a dataset in their store, and say where they will be; see `image_cache`.

    Args:
        dataset: The dataset, its images not located yet.
        images: The remote folder that the user named; None for the folders of the dataset's own address.
        fetched: The dataset as it was fetched; None if it lies on this machine.
        limit: Most bytes that the images may have.
        allow_urls: Whether images may be fetched from addresses in the records.

    Returns:
        The folder; None to look for it in the dataset's own folder.

    Raises:
        DataError: If the remote folder cannot be reached, or the images are larger than the limit.
    """
    if images is not None:
        return ImageRoot.at(fetch_images(images, _names(dataset), limit), allow_urls=allow_urls)
    assert fetched is not None
    address = read_address(fetched.address)
    if address is not None and not address.repository and (folder := pattern_folder(address.url)):
        # The images of a pattern lie below the folder that it begins with.
        address = replace(address, url=folder)
    if address is None or fetched.path.is_file():
        return None
    first = _first_names(dataset)
    if not first:
        return None
    place = fetched.files[0] if fetched.files[0].is_dir() else fetched.files[0].parent
    inner = PurePosixPath(place.relative_to(fetched.path).as_posix())
    bases = [
        str(base / name) for base in dict.fromkeys((inner, PurePosixPath())) for name in _folders(dataset)
    ]
    best, most = "", 0
    for base in dict.fromkeys(bases):
        names = [_join(base, name) for name in first]
        fetch_images(address, names, limit, fetched=fetched.path)
        held = sum(image_is_there(fetched.path / name) for name in names)
        best, most = (base, held) if held > most else (best, most)
    if not most:
        return None
    fetch_images(address, (_join(best, name) for name in _names(dataset)), limit, fetched=fetched.path)
    (fetched.path / best).mkdir(parents=True, exist_ok=True)
    return ImageRoot.at(fetched.path / best, allow_urls=allow_urls)


def fetch_ahead(dataset: Dataset) -> None:
    """Fetch the images of a dataset that lie in stores before its rows are gone over, if they fit the cache.

    Raises:
        DataError: If a store cannot be read.
    """
    for part in dataset.parts:
        fetch_ahead(part)
    folder = dataset.root.folder
    if folder is not None and is_remote(folder):
        image_cache().fetch_all(folder)


def _folders(dataset: Dataset) -> tuple[str, ...]:
    return (*dataset.image_folders, "")


def _join(base: str, name: str) -> str:
    return name if base in ("", ".") else f"{base}/{name}"


def _first_names(dataset: Dataset) -> list[str]:
    """The first names; none of a dataset that holds its images, which would be read to its end for them."""
    names: list[str] = []
    held = 0
    for image in _images(dataset):
        held += image.data is not None
        if (name := _name(image)) is not None:
            names.append(name)
        if len(names) == _FIRST or (held == _HELD and not names):
            break
    return list(dict.fromkeys(names))


def _names(dataset: Dataset) -> Iterator[str]:
    """The names of all images that have one."""
    return (name for image in _images(dataset) if (name := _name(image)) is not None)


def _name(image: RawImage) -> str | None:
    """The name of an image below a folder; None for bytes, an address or an absolute path."""
    if image.data is not None or "://" in image.name or Path(image.name).is_absolute():
        return None
    return image.name.removeprefix("./")


def _images(dataset: Dataset) -> Iterator[RawImage]:
    """The images of every record that can be read."""
    for _, record in dataset.records():
        if isinstance(record, RowError):
            continue
        try:
            yield from dataset.parse(record).images
        except (RowError, RecursionError):
            continue
