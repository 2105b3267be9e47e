"""Records of any shape, whatever file holds them: from a record to its id, images and turns.

`shapes` lists the shapes of turns, `image_fields` the fields that hold images, and `placeholders` says where
the images stand.

`{from, value}` rows must hold one `<image>` placeholder an image, as LLaVA and LLaMA-Factory demand. In the
other shapes a row without any placeholder means that the images stand before the first user turn, as TRL
and ms-swift read it; the sample's turns then get the placeholders, the record does not.
"""

import hashlib
import heapq
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from finegold.samples.columns import FieldMap
from finegold.samples.exclusions import RowError
from finegold.samples.image_fields import (
    FieldImages,
    RawImage,
    field_images,
    refuse_other_media,
    refuse_unread_media,
)
from finegold.samples.placeholders import place_images
from finegold.samples.sample import Turn
from finegold.samples.shapes import READ_TEXTS, read_turns
from finegold.samples.values import check_text, describe_type, expect_type

_ID_KEYS = ("id", "image_id")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a record says, before its images are located.

    Attributes:
        id: Id of the record; None if it has none.
        images: The images in the order of the placeholders.
        turns: The turns, oldest first, placeholders in place.
    """

    id: str | None
    images: tuple[RawImage, ...]
    turns: tuple[Turn, ...]


def parse_record(
    record: Any,
    instruction: str | None = None,
    members: Sequence[RawImage] | None = None,
    columns: FieldMap | None = None,
) -> Parsed:
    """Read one record in whichever shape it has.

    Args:
        record: A decoded JSON value or a table row as a dict.
        instruction: The user's turn of caption rows; None for `DEFAULT_INSTRUCTION`.
        members: Images that come beside the record and replace those that it names; None if none do.
        columns: Which fields hold what, if they have other names than usual.

    Raises:
        RowError: If it has none of the shapes or a value of a wrong type.
    """
    expect_type(record, dict, "the record", "an object with named fields")
    refuse_other_media(record)
    beside = None if members is None else FieldImages(tuple(members))
    if columns is None:
        found, unread = beside or field_images(record), record
        drafts, implied = read_turns(record, instruction, found)
    else:
        mapped = columns.read(record, instruction, beside)
        drafts, found, implied, unread = mapped.turns, mapped.images, mapped.implied, mapped.unread
    turns, images = place_images(drafts, found, implied=implied)
    if not images:
        refuse_unread_media(unread, READ_TEXTS)
    for turn in turns:
        check_text(turn.text, "a turn")
    for image in images:
        check_text(image.name, "an image name")
    return Parsed(record_id(record, columns), tuple(images), tuple(turns))


def record_id(record: dict[str, Any], columns: FieldMap | None = None) -> str | None:
    """The id of a record as text, None if it is absent; raises RowError if it is no text or whole number."""
    record = record if columns is None else columns.id_field(record)
    for key in _ID_KEYS:
        value = record.get(key)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise RowError(f"the field '{key}' is {describe_type(value)}, expected text or a whole number")
        return check_text(str(value), f"the field '{key}'")
    return None


def without_id(record: Any) -> Any:
    """The record without its id: rows that differ in nothing else are duplicates."""
    if not isinstance(record, dict):
        return record
    return {key: value for key, value in record.items() if key not in _ID_KEYS}


def canonical_record(record: Any) -> bytes:
    """The bytes that equal records share: ASCII JSON, keys sorted, no spaces, bytes as their sha256."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), default=_plain)
    return text.encode("ascii")


def hashed_id(record: Any) -> str:
    """The id of a row that has none: 16 hex digits of the sha256 of its canonical form."""
    return hashlib.sha256(canonical_record(record)).hexdigest()[:16]


def drawn_positions(records: Iterable[tuple[str, Any]], number: int) -> frozenset[int]:
    """Positions of `number` of the records that `Dataset.records` gives, drawn by their hash."""
    keys = ((_draw_key(record), place) for place, (_, record) in enumerate(records))
    return frozenset(place for _, place in heapq.nsmallest(number, keys))


def _draw_key(record: Any) -> bytes:
    try:
        return hashlib.sha256(canonical_record(record)).digest()
    except (RowError, TypeError, ValueError, RecursionError):
        return b""


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"sha256": hashlib.sha256(value).hexdigest()}
    return str(value)
