"""Reading published benchmark files: typed look-ups that name the record, images inside their folder."""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from finegold.errors import DataError
from finegold.samples import ImageRef
from finegold.samples.json_text import read_json, read_lines

T = TypeVar("T", str, int, list[Any], dict[str, Any])


def records(path: Path, *keys: str) -> list[Any]:
    """The list in a JSON file, below a path of keys.

    Raises:
        DataError: If it is not there.
    """
    return records_in(read_json(path), path, *keys)


def records_in(value: Any, path: Path, *keys: str) -> list[Any]:
    """The list in the content of a JSON file; see `records`."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, list):
        where = f" at '{keys[-1]}'" if keys else ""
        raise DataError(f"{path.name} holds no list of records{where}: it is not the published file")
    return value


def json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (place, value) of each line of a JSON-lines file.

    Raises:
        DataError: At a line that is not JSON.
    """
    for number, line in read_lines(path):
        place = f"{path.name} line {number}"
        try:
            yield place, json.loads(line)
        except ValueError as error:
            raise DataError(f"{place} is not JSON ({error}): it is not the published file") from None


def field(record: Any, key: str, kind: type[T], place: str) -> T:
    """A value of a record.

    Raises:
        DataError: If it is missing or of another type; names the place.
    """
    value = record.get(key) if isinstance(record, dict) else None
    plain = getattr(kind, "__origin__", kind)
    if not isinstance(value, plain) or isinstance(value, bool):
        found = "nothing" if value is None else type(value).__name__
        raise DataError(
            f"{place} has {found} at '{key}', expected {plain.__name__}: it is not the published file"
        )
    return value


def image_at(folder: Path, name: str, place: str) -> ImageRef:
    """A file below the image folder; it need not exist.

    Raises:
        DataError: If the name leaves the folder.
    """
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in name:
        raise DataError(f"{place} names the image {name!r}, which is outside of {folder.name}/")
    return ImageRef(name, path=folder.joinpath(*parts))
