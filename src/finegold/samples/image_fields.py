"""The images that a record's fields hold or name, and fields that name media which is not read."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from finegold.samples.exclusions import RowError
from finegold.samples.images import IMAGE_SUFFIXES
from finegold.samples.values import describe_type, is_present

IMAGE_KEYS = ("image", "images")
BYTES_KEYS = ("image_bytes", "images_bytes")
"""Columns that hold the bytes of the images that `image` or `images` names, one for each."""
ALIASES = (
    *(f"{noun}_{kind}" for noun in ("image", "images", "img", "imgs") for kind in ("path", "paths")),
    *(f"{noun}_{kind}" for noun in ("image", "img") for kind in ("file", "files", "url", "urls")),
    *("img", "imgs", "file_name"),
)
"""Fields that are read as the images of a record without `image` and `images`."""
_NUMBERED = re.compile(r"(?:image|img)_?(\d{1,3})", re.IGNORECASE)
_OTHER_MEDIA = ("video", "videos", "audio", "audios")
MEDIA_SUFFIXES = IMAGE_SUFFIXES.union(
    (".heic", ".heif", ".avif", ".jxl", ".svg", ".ppm"),
    (".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".flv", ".wmv", ".mpg", ".mpeg"),
    (".mp3", ".wav", ".flac", ".ogg", ".m4a", ".aac", ".opus"),
)
"""Endings of images, videos and sound: those of `IMAGE_SUFFIXES` and what is not read."""
_MEDIA_WORDS = frozenset(
    [
        "image",
        "images",
        "img",
        "imgs",
        "picture",
        "pictures",
        "pic",
        "pics",
        "photo",
        "photos",
        "photograph",
        "screenshot",
        "screenshots",
        "figure",
        "video",
        "videos",
        "audio",
        "audios",
        "clip",
        "clips",
        "frame",
        "frames",
        "media",
        "pixel",
        "pixels",
    ]
)
_FACT_WORDS = frozenset(
    [
        "id",
        "ids",
        "width",
        "height",
        "size",
        "sizes",
        "shape",
        "count",
        "num",
        "number",
        "type",
        "format",
        "source",
        "license",
        "caption",
        "captions",
        "description",
        "descriptions",
        "text",
        "texts",
        "title",
        "alt",
        "tag",
        "tags",
        "class",
        "label",
        "labels",
        "score",
        "hash",
        "md5",
        "sha256",
        "token",
        "tokens",
        "placeholder",
        "index",
        "idx",
        "quality",
        "style",
        "category",
        "domain",
        "split",
        "dataset",
        "flag",
        "is",
        "has",
        "prompt",
    ]
)
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_BASE64_MAGIC = ("/9j/", "iVBORw0KGgo", "UklGR", "R0lGOD", "Qk0", "SUkq", "TU0AK")
_SHORTEST_BASE64 = 96
_NAME_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class RawImage:
    """An image as a record refers to it: by name (path or URL), or by its bytes."""

    name: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class FieldImages:
    """The images in a record's own fields.

    Attributes:
        images: The images in the order of the fields.
        keys: For an object of placeholders (`{"<image_00>": "a.jpg"}`), the image of each placeholder.
        sure: Whether the fields are `image` or `images`: those of another name may repeat what the turns
            name themselves.
    """

    images: tuple[RawImage, ...] = ()
    keys: dict[str, RawImage] | None = None
    sure: bool = True


def field_images(record: dict[str, Any]) -> FieldImages:
    """The images in the fields of a record.

    `image` and `images` count, with the bytes in `image_bytes` where they stand beside them. Without these,
    the columns `image_1`, `image_2` and so on, or the one field of `ALIASES` that is there.

    Raises:
        RowError: If a value is no image, or it is not clear which fields hold the images.
    """
    numbered = _numbered(record)
    named = [key for key in IMAGE_KEYS if is_present(record.get(key))]
    if named and numbered:
        raise RowError(
            f"the record has '{named[0]}' and '{numbered[0]}', and it is not clear which are its images: "
            "expected all of them in 'images'",
            "unread-image",
        )
    if len(named) == 1 and isinstance(placed := record[named[0]], dict) and _is_placeholders(placed):
        keys = {key: read_images(value, named[0])[0] for key, value in placed.items() if is_present(value)}
        return FieldImages(tuple(keys.values()), keys)
    names = [image for key in named for image in read_images(record[key], key)]
    data = _bytes(record)
    if data:
        return FieldImages(tuple(_with_bytes(names, data)))
    if names:
        return FieldImages(tuple(names))
    if numbered:
        return FieldImages(tuple(image for key in numbered for image in read_images(record[key], key)))
    return _aliased(record)


def read_images(value: Any, key: str) -> list[RawImage]:
    """The images of one value: a path, URL, data URI, base64 or bytes, `{path, bytes}`, or a list of these.

    Nothing and `{path: null, bytes: null}` are no image. Raises RowError for any other value.
    """
    if not is_present(value):
        if isinstance(value, bool | int | float):
            raise _no_image(value, key)
        return []
    if isinstance(value, list | tuple):
        return [image for item in value for image in read_images(item, key)]
    if isinstance(value, bytes):
        return [RawImage("", value)]
    if isinstance(value, str):
        return [_text_image(value, key)]
    if isinstance(value, dict):
        name, data = value.get("path") or value.get("url") or "", value.get("bytes")
        data = decode_base64(data, key) if isinstance(data, str) else data
        if isinstance(name, str) and isinstance(data, bytes | None) and (name or data):
            return [_text_image(name, key) if name and not data else RawImage(name, data or None)]
        if isinstance(nested := value.get("base64") or value.get("data"), str):
            return [RawImage("", decode_base64(nested, key))]
    raise _no_image(value, key)


def _no_image(value: Any, key: str) -> RowError:
    found = describe_type(value)
    if isinstance(value, dict):
        found += f" with {', '.join(map(repr, list(value)[:4]))}"
    return RowError(f"the field '{key}' is {found}, expected a path, a URL or {{path, bytes}}")


def _text_image(value: str, key: str) -> RawImage:
    if value.startswith("data:"):
        head, comma, body = value.partition(",")
        if not comma or not head.endswith(";base64"):
            raise RowError("an image is a data URI that is not base64", "unreadable-image")
        return RawImage("", decode_base64(body, "image"))
    if len(value) >= _SHORTEST_BASE64 and value.startswith(_BASE64_MAGIC):
        return RawImage("", decode_base64(value, key))
    return RawImage(value)


def decode_base64(text: str, key: str) -> bytes:
    """The bytes of base64 text, line breaks ignored; raises RowError if it is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise RowError(f"the bytes of '{key}' are not valid base64", "unreadable-image") from None


def _is_placeholders(value: dict[str, Any]) -> bool:
    """Whether an object maps placeholders such as `<image_00>` to images."""
    return bool(value) and all(re.fullmatch(r"<[^<>\s]{1,40}>", key) for key in value)


def _numbered(record: dict[str, Any]) -> list[str]:
    """The keys `image_1`, `image_2` and so on that hold something, by their number."""
    ends = (key for key in record if str(key)[-1:].isdigit())  # few keys: the expression takes longer
    found = [(int(match[1]), key) for key in ends if (match := _NUMBERED.fullmatch(str(key)))]
    return [key for _, key in sorted(found) if is_present(record[key])]


def _bytes(record: dict[str, Any]) -> list[RawImage | None]:
    """The images in the column of bytes, None for one that holds nothing."""
    for key in BYTES_KEYS:
        if is_present(value := record.get(key)):
            items = value if isinstance(value, list | tuple) else [value]
            return [_encoded(item, key) if is_present(item) else None for item in items]
    return []


def _encoded(value: Any, key: str) -> RawImage:
    if isinstance(value, str):
        return RawImage("", decode_base64(value.partition(",")[2] if value[:5] == "data:" else value, key))
    (image,) = read_images(value, key)
    return image


def _with_bytes(names: list[RawImage], data: list[RawImage | None]) -> Iterator[RawImage]:
    if names and len(names) != len(data):
        raise RowError(
            f"the record names {len(names)} images and holds the bytes of {len(data)}, expected as many"
        )
    for name, held in zip(names or [RawImage("")] * len(data), data, strict=True):
        if held is None and not name.name:
            continue
        yield RawImage(name.name, name.data if held is None else held.data)


def _aliased(record: dict[str, Any]) -> FieldImages:
    lower = {str(key).lower(): key for key in record}
    found = [lower[alias] for alias in ALIASES if alias in lower and is_present(record[lower[alias]])]
    found = [key for key in found if str(key).lower() != "file_name" or _media_suffix(record[key])]
    if len(found) > 1:
        names = " and ".join(f"'{key}'" for key in found[:3])
        raise RowError(
            f"the record has {names}, and it is not clear which names its images: expected 'image' or "
            "'images'",
            "unread-image",
        )
    return FieldImages(tuple(read_images(record[found[0]], found[0])), sure=False) if found else FieldImages()


def refuse_other_media(record: dict[str, Any]) -> None:
    """Raise RowError if a record has video or audio."""
    for key, value in record.items():
        if str(key).lower() in _OTHER_MEDIA and is_present(value):
            raise RowError(f"the record has '{key}', and only images are read", "unsupported-media")


def refuse_unread_media(record: Any, read: frozenset[str]) -> None:
    """Raise RowError if a record without an image names one, or other media, in a field that is not read.

    Args:
        record: The record; the fields in it are searched to any depth.
        read: Names of the fields whose texts are read, which may speak of files.
    """
    found = next(_unread(record, read), None)
    if found is not None:
        key, value = found
        shown = f" ({value[:60]!r})" if isinstance(value, str) else ""
        raise RowError(
            f"the field '{key}' names an image or other media{shown}, and it is not read: expected 'image' "
            "or 'images', or --columns that map it",
            "unread-image",
        )


def _unread(record: Any, read: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """The fields that name media, with their values; without recursion, since a record may be deep."""
    left = [("", record)]
    while left:
        where, value = left.pop()
        if isinstance(value, dict):
            inside = []
            for key, item in value.items():
                name = f"{where}.{key}" if where and len(where) < _NAME_LENGTH else str(key)
                fact = isinstance(item, bool | int | float) or not _names_media(str(key))
                if (key == "image_id" or not fact) and is_present(item):
                    yield name, item
                elif key not in read or not isinstance(item, str):
                    inside.append((name, item))
            left += reversed(inside)
        elif isinstance(value, list | tuple):
            is_text = where.rpartition(".")[2] in read
            left += [(where, item) for item in reversed(value) if not (is_text and isinstance(item, str))]
        elif (isinstance(value, bytes) and value.startswith(_MAGIC)) or (
            isinstance(value, str) and (_media_suffix(value) or value.startswith("data:image/"))
        ):
            yield where, value


def _names_media(key: str) -> bool:
    """Whether the name of a field says that it holds media, and not a fact about it: not `image_width`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key).lower()
    parts = {part for part in re.split(r"[^a-z]+", words) if part}
    return bool(parts & _MEDIA_WORDS) and not parts & _FACT_WORDS


def _media_suffix(value: Any) -> bool:
    """Whether a text is the name of a file with an image, video or sound."""
    if not isinstance(value, str) or len(value) > _NAME_LENGTH or "\n" in value:
        return False
    name = value.split("?")[0].replace("\\", "/")
    return PurePosixPath(name).suffix.lower() in MEDIA_SUFFIXES
