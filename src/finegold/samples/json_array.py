"""A JSON array of records of which some cannot be decoded: these are rows with a reason, the others are read.

`json` decodes a text whole or not at all. Where it refuses one (an object nested a thousand deep, a number of
five thousand digits, an escape that JSON does not have), the array is taken apart here record by record.
"""

import json
import re
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.samples.exclusions import RowError
from finegold.samples.json_text import decode_text, detect_encoding, read_json

_SPACE = re.compile(r"[ \t\r\n]*")
_WRAPPED = re.compile(r'"annotations"[ \t\r\n]*:[ \t\r\n]*\[')
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},"]', re.DOTALL)


def read_array(path: Path) -> Any:
    """Decode a JSON file whose records stand in an array, alone or as `annotations` of an object.

    Returns:
        The decoded value. A record that cannot be decoded is the RowError that says why.

    Raises:
        DataError: If the text is not JSON beyond its records: cut off, or not an array.
    """
    try:
        return read_json(path)
    except DataError:
        try:
            found = _take_apart(path.read_bytes().decode(detect_encoding(path)))
        except UnicodeDecodeError:
            found = None
        if found is None:
            raise
        return found


def _take_apart(text: str) -> Any:
    """The array, or the object around it; None if its records cannot be told apart, or none is whole."""
    start = _skip_space(text, 0)
    if text.startswith("[", start):
        found = _records(text, start + 1)
        return None if found is None or text[found[1] :].strip() else found[0]
    wrapped = _WRAPPED.search(text) if text.startswith("{", start) else None
    found = _records(text, wrapped.end()) if wrapped else None
    if wrapped is None or found is None:
        return None
    try:
        around = json.loads(text[: wrapped.end()] + text[found[1] - 1 :])
    except (ValueError, RecursionError):
        return None
    return {**around, "annotations": found[0]} if isinstance(around, dict) else None


def _records(text: str, place: int) -> tuple[list[Any], int] | None:
    """The records from behind `[` on, and where the text goes on behind `]`."""
    records: list[Any] = []
    while True:
        place = _skip_space(text, place)
        end = _end_of_value(text, place)
        if end is None:
            return None
        try:
            records.append(decode_text(text[place:end], "the record"))
        except ValueError as error:
            records.append(RowError(str(error)))
        if text[end] == "]":
            whole = any(not isinstance(record, RowError) for record in records)
            return (records, end + 1) if whole else None
        place = end + 1


def _end_of_value(text: str, place: int) -> int | None:
    """Where the `,` or `]` behind a value stands; None if the text ends first or its brackets do not fit."""
    open_brackets = 0
    for token in _TOKEN.finditer(text, place):
        mark = token[0]
        if mark == '"':
            return None
        if open_brackets == 0 and mark in ",]":
            return token.start()
        if mark in "[{":
            open_brackets += 1
        elif mark in "]}":
            open_brackets -= 1
            if open_brackets < 0:
                return None
    return None


def _skip_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place
