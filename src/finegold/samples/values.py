"""Decoded values and what is wrong with them, in words."""

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from finegold.samples.exclusions import RowError

T = TypeVar("T")


MAX_TEXT = 4 << 20
"""Characters of the turns of a row, a million tokens, beyond which it is not read."""
MAX_HELD = 64 << 20
"""Bytes of memory that the texts of a record may take, and those of the first records together."""


def held_bytes(values: Iterable[Any], kinds: tuple[type, ...] = (str, bytes)) -> int:
    """Bytes that texts and bytes in JSON-like values take in memory, each object counted once."""
    waiting, found = list(values), dict[int, int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, kinds):
            found[id(value)] = sys.getsizeof(value)  # a character takes up to four bytes
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
    return sum(found.values())


def first_of(records: Iterable[Any]) -> list[Any]:
    """Records from the first one on, as many as take `MAX_HELD` bytes together, and at least one."""
    found: list[Any] = []
    held = 0
    for record in records:
        held += held_bytes([record])
        if found and held > MAX_HELD:
            break
        found.append(record)
    return found


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


def expect_text(value: Any, field: str) -> str:
    """The text of a field; raises RowError if it is no text."""
    return expect_type(value, str, f"the field '{field}'", "text")


def is_present(value: Any) -> bool:
    """Whether a value says anything: not null, not empty, and no structure of which every leaf is empty.

    Tables fill absent structures with nulls: `{bytes: null, path: null}` is no image.
    """
    if value is None:
        return False
    if isinstance(value, str):
        return value != ""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(item.values())
        elif isinstance(item, list | tuple):
            left.extend(item)
        elif item is not None and item not in ("", b""):
            return True
    return False
