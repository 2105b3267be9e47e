"""Decoded values and what is wrong with them, in words."""

from typing import Any, TypeVar

from finegold.samples.exclusions import RowError

T = TypeVar("T")


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
