"""The shapes that records come in, whatever file holds them: from a record to its id, images and turns.

| shape | keys | used by |
| --- | --- | --- |
| conversations | `conversations` of `{from, value}` | LLaVA, LLaMA-Factory ShareGPT |
| messages | `messages` (or `conversations`) of `{role, content}` | TRL, ms-swift, LLaMA-Factory |
| prompt | `prompt` and `completion`, each text or messages | TRL |
| alpaca | `instruction`, `input`, `output`, `history` | LLaMA-Factory, LLaVA-Bench |
| caption | `caption` or `text`, and an image | MiniGPT-4, image-caption sets |

Beside these stand `id`, `image` or `images`, and `system`.

`{from, value}` rows must hold one `<image>` placeholder an image, as LLaVA and LLaMA-Factory demand. In the
other shapes a row without any placeholder means that the images stand before the first user turn, as TRL
and ms-swift read it; the sample's turns then get the placeholders, the record does not.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from finegold.samples.exclusions import RowError
from finegold.samples.sample import IMAGE_PLACEHOLDER, Role, Turn

T = TypeVar("T")
DEFAULT_INSTRUCTION = "Describe this image in detail."
"""The prompt of a row without an instruction: the first of MiniGPT-4's stage-2 instructions
(`prompts/alignment.txt`)."""

ROLES: dict[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
_MEDIA = ("video", "videos", "audio", "audios")
_ID_KEYS = ("id", "image_id")


@dataclass(frozen=True, slots=True)
class RawImage:
    """An image as a record refers to it: by name (path or URL), or by its bytes."""

    name: str
    data: bytes | None = None


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
    record: Any, instruction: str | None = None, members: Sequence[RawImage] | None = None
) -> Parsed:
    """Read one record in whichever shape it has.

    Args:
        record: A decoded JSON value or a table row as a dict.
        instruction: The user's turn of caption rows; None for `DEFAULT_INSTRUCTION`.
        members: Images that come beside the record and replace those that it names; None if none do.

    Raises:
        RowError: If it has none of the shapes or a value of a wrong type.
    """
    expect_type(record, dict, "the record", "an object with named fields")
    for key in _MEDIA:
        if record.get(key):
            raise RowError(f"the record has '{key}', and only images are read", "unsupported-media")
    images: list[RawImage] = []
    column = iter(named_images(record) if members is None else members)
    turns, implied = _turns(record, instruction, images, column)
    images.extend(column)
    if implied and images:
        turns = place_images(turns, len(images))
    for turn in turns:
        check_text(turn.text, "a turn")
    for image in images:
        check_text(image.name, "an image name")
    return Parsed(record_id(record), tuple(images), tuple(turns))


def named_images(record: dict[str, Any]) -> list[RawImage]:
    """The images in the fields `image` and `images`, in that order; raises RowError if one is no image."""
    return [image for key in ("image", "images") for image in _images(record.get(key), key)]


def record_id(record: dict[str, Any]) -> str | None:
    """The id of a record as text, None if it is absent; raises RowError if it is no text or whole number."""
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


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"sha256": hashlib.sha256(value).hexdigest()}
    return str(value)


def check_text(text: str, what: str) -> str:
    """Return the text; raises RowError if it holds half of a surrogate pair (a broken JSON escape)."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RowError(
            f"{what} holds {text[error.start]!a}, half of a surrogate pair, expected valid Unicode"
        ) from None
    return text


def describe_type(value: Any) -> str:
    """The type of a decoded value in words, for messages."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(
        type(value), "an object" if isinstance(value, dict) else f"of type {type(value).__name__}"
    )


def expect_type(value: Any, expected: type[T], what: str, words: str) -> T:
    """The value, if it is of the type; else raises RowError: "`what` is a number, expected `words`"."""
    if not isinstance(value, expected):
        raise RowError(f"{what} is {describe_type(value)}, expected {words}")
    return value


def _turns(
    record: dict[str, Any], instruction: str | None, images: list[RawImage], column: Iterator[RawImage]
) -> tuple[list[Turn], bool]:
    """The turns, and whether a row without placeholders implies them. Appends inline images to `images`."""
    turns: list[Turn] = []
    if (system := record.get("system")) is not None and system != "":
        turns.append(Turn("system", _text(system, "system")))
    for key in ("messages", "conversations", "conversation"):
        if record.get(key) is not None:
            found, placed = _messages(record[key], key, images, column)
            return turns + found, not placed
    if record.get("prompt") is not None and record.get("completion") is not None:
        for key, role in (("prompt", "user"), ("completion", "assistant")):
            value = record[key]
            if isinstance(value, str):
                turns.append(Turn(ROLES[role], value))
            else:
                turns += _messages(value, key, images, column)[0]
        return turns, True
    if record.get("instruction") is not None and record.get("output") is not None:
        return turns + list(_alpaca(record)), True
    for key in ("caption", "text"):
        if record.get(key) is not None:
            images.extend(column)
            if not images:
                raise RowError(f"the record has '{key}' and no image", "missing-image")
            prompt = DEFAULT_INSTRUCTION if instruction is None else instruction
            return [*turns, Turn("user", prompt), Turn("assistant", _text(record[key], key))], True
    raise RowError(
        f"the record has the fields {', '.join(map(repr, sorted(map(str, record)))) or 'none'}, expected "
        "'conversations', 'messages', 'prompt' and 'completion', 'instruction' and 'output', or 'caption'"
    )


def _messages(
    value: Any, key: str, images: list[RawImage], column: Iterator[RawImage]
) -> tuple[list[Turn], bool]:
    """A list of turns; the flag says whether any is `{from, value}`, which must place its images itself."""
    if not isinstance(value, list) or not value:
        raise RowError(
            f"the field '{key}' is {describe_type(value) if value else 'empty'}, expected a list of turns"
        )
    turns, placed = [], False
    for number, item in enumerate(value, 1):
        where = f"turn {number} of '{key}'"
        expect_type(item, dict, where, "an object")
        if item.get("from") is not None:
            name, text, placed = item["from"], _text(item.get("value"), f"{where}, value"), True
        elif item.get("role") is not None:
            name, text = item["role"], _content(item.get("content"), where, images, column)
        else:
            raise RowError(f"{where} has neither 'from' nor 'role'")
        if not isinstance(name, str) or name not in ROLES:
            raise RowError(f"{where} is by {name!r}, expected one of {', '.join(ROLES)}")
        turns.append(Turn(ROLES[name], text))
    return turns, placed


def _content(value: Any, where: str, images: list[RawImage], column: Iterator[RawImage]) -> str:
    """The text of a message; an image item becomes a placeholder, for the image it names or the next."""
    if not isinstance(value, list):
        return _text(value, f"{where}, content")
    parts = []
    for item in value:
        if isinstance(item, str):
            parts.append(item)
            continue
        kind = expect_type(item, dict, f"an item of {where}", "text or an object").get("type")
        if kind == "text":
            parts.append(_text(item.get("text"), f"{where}, text"))
        elif kind in ("image", "image_url"):
            parts.append(IMAGE_PLACEHOLDER)
            keys = ("image", "image_url", "url", "path")
            image = next((item[key] for key in keys if item.get(key)), None)
            if isinstance(image, dict) and "url" in image:
                image = image["url"]
            images.extend(_images(image, where) if image else islice(column, 1))
        else:
            raise RowError(
                f"{where} has an item of type {kind!r}, expected text or image", "unsupported-media"
            )
    return "".join(parts)


def _alpaca(record: dict[str, Any]) -> Iterator[Turn]:
    pairs = "a list of [question, answer]"
    for pair in expect_type(record.get("history") or [], list, "the field 'history'", pairs):
        if not isinstance(pair, list) or len(pair) != 2:
            raise RowError("the field 'history' holds something other than [question, answer]")
        yield Turn("user", _text(pair[0], "history"))
        yield Turn("assistant", _text(pair[1], "history"))
    prompt = [_text(record["instruction"], "instruction"), _text(record.get("input") or "", "input")]
    yield Turn("user", "\n".join(filter(None, prompt)))
    yield Turn("assistant", _text(record["output"], "output"))


def place_images(turns: list[Turn], count: int) -> list[Turn]:
    """The turns with `count` placeholders before the first user turn, unless some turn has one already."""
    if any(IMAGE_PLACEHOLDER in turn.text for turn in turns):
        return turns
    placeholders = f"{IMAGE_PLACEHOLDER}\n" * count
    for position, turn in enumerate(turns):
        if turn.role == "user":
            placed = Turn("user", placeholders + turn.text)
            return [*turns[:position], placed, *turns[position + 1 :]]
    return turns


def _text(value: Any, what: str) -> str:
    return expect_type(value, str, f"the field '{what}'", "text")


def _images(value: Any, key: str) -> list[RawImage]:
    """Image references: path or URL, data URI, bytes, `{path, bytes}`, or a list of these."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return [image for item in value for image in _images(item, key)]
    if isinstance(value, bytes):
        return [RawImage("", value)]
    if isinstance(value, str):
        return [_data_uri(value)] if value.startswith("data:") else [RawImage(value)]
    if isinstance(value, dict):
        name, data = value.get("path") or value.get("url") or "", value.get("bytes")
        data = _base64(data, key) if isinstance(data, str) else data
        if isinstance(name, str) and isinstance(data, bytes | None) and (name or data is not None):
            return [RawImage(name, None if name and not data else data)]
    raise RowError(f"the field '{key}' is {describe_type(value)}, expected a path, a URL or {{path, bytes}}")


def _data_uri(value: str) -> RawImage:
    head, comma, body = value.partition(",")
    if not comma or not head.endswith(";base64"):
        raise RowError("an image is a data URI that is not base64", "unreadable-image")
    return RawImage("", _base64(body, "image"))


def _base64(text: str, key: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RowError(f"the bytes of '{key}' are not valid base64", "unreadable-image") from None
