"""Which source a row comes from, where one dataset holds several."""

import re
from collections.abc import Sequence
from typing import Any

_GENERIC = frozenset({"", ".", "images", "image"})
"""Folders that hold the images of any dataset."""


def find_source(record: Any, images: Sequence[str], field: str | None, name: str) -> str:
    """The source of a row.

    With `field`, it is that field of the record; `meta.dataset` is the field `dataset` of the field `meta`.
    Without, it is the first folder of the first image's relative path, as in LLaVA-665K: `coco` for
    `coco/train2017/1.jpg`. Folders called `images` and `image` are passed over. Otherwise it is `name`.

    Args:
        record: The record as it was read.
        images: The images' names as the record has them.
        field: Name of the field; None for the image's folder.
        name: Name of the dataset.
    """
    if field is not None:
        return field_text(record, field) or name
    path = re.split(r"[/\\]", images[0]) if images else []
    folders = [part for part in path[:-1] if part not in _GENERIC]
    outside = not path or path[0] == "" or path[0].endswith(":") or ".." in path
    return name if outside or not folders else folders[0]


def field_text(record: Any, field: str) -> str | None:
    """A field of a record as text; None if there is none, or it is empty or holds an object or a list."""
    if isinstance(record, dict) and field in record:
        value = record[field]
    else:
        value = record
        for part in field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    if value is None or isinstance(value, dict | list | bytes):
        return None
    return str(value).strip().encode("utf-8", "backslashreplace").decode("utf-8") or None
