"""Read a rating from a reply: the score field of the reply and nothing else."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from finegold.llm.demands import demanded, demands_the_highest, letters_and_numbers
from finegold.llm.thinking import without_thinking

_NUMBER = r"(\d{1,3}(?:\.\d+)?)"
_FIELD = re.compile(
    rf"(?:(?:final|overall|total|my)\s+)?(?:score|rating|quality|grade)?\s*(?:is|[:=])?\s*{_NUMBER}"
    r"(?:\s*(?:/|out\s+of)\s*(100|10))?(?:\s*(?:points?|%))?\s*[.,;]?",
    re.IGNORECASE | re.ASCII,
)
# A comma alone is not the end of a number: 9,5 is one in many countries.
_BEGUN = re.compile(rf'\{{\s*"score"\s*:\s*{_NUMBER}\s*,\s*"', re.ASCII)
_BARE = re.compile(r"(?:#[^;]*;)+")
_MOST_OBJECTS = 200
_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*?)\n?```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from a reply.

    Attributes:
        value: 0 to 100; None if there is no score to read.
        field: The part of the reply that was read, or shown as unreadable.
        reason: Why there is no value, empty if there is one.
    """

    value: float | None
    field: str
    reason: str = ""


def parse_rating(text: str, *, cut: bool = False) -> Reading:
    """Read a 0-100 rating.

    The score is the field `score` of a JSON object, or the first line that is not blank, which may hold a
    label ("Score: 95"), emphasis ("**85**") and a scale ("80/100"; "8/10" is 80) but no other words: a
    number inside a sentence is not a score. This gives all 3,439 published scores of InstructionGPT-4 from
    the raw replies.

    Args:
        text: The reply, with or without an explanation after the score.
        cut: Whether the reply ended because it was too long: then a number at its very end may lack digits.
    """
    body = without_thinking(text).lstrip("\ufeff").lstrip()
    if not body:
        return Reading(None, "", "the reply is empty")
    fenced = _FENCE.match(body)
    inner = fenced.group(1) if fenced else body
    if inner.lstrip().startswith("{"):
        return _from_json(inner)
    line, newline, _ = body.partition("\n")
    field = line.strip()
    found = _FIELD.fullmatch(field.strip("*_`# \t").replace("**", "").replace("\u00a0", " "))
    if found is None:
        return Reading(None, field, f"the reply does not begin with a score: {_shown(field)}")
    if cut and not newline:
        return Reading(None, field, f"the reply was cut off at {_shown(field)}, which may lack digits")
    return _in_range(float(found.group(1)), int(found.group(2) or 100), field)


def echoes(reading: Reading, reply: str, untrusted: Iterable[str]) -> bool:
    """Whether what was read repeats the text under review: then it is that text's score, not the judge's.

    The whole reply and the field that was read of it are compared with the untrusted texts, letters and
    numbers alone. A bare number is a repeat only of a whole line, since a caption may well hold
    the number 90, or of a number that the text demands as a score; anything longer ("Score: 100", a JSON
    object in any order of its fields) is one of any part.
    """
    field = letters_and_numbers(reading.field)
    whole = letters_and_numbers(reply)
    fields = _objects(reply)
    for text in untrusted:
        everything = letters_and_numbers(text)
        if not everything or not field:
            continue
        if field in {letters_and_numbers(line) for line in text.splitlines()}:
            return True
        if not _BARE.fullmatch(field) and field in everything:
            return True
        if len(whole) > len(field) and not _BARE.fullmatch(whole) and whole in everything:
            return True
        if any(found in fields for found in _objects(text)):
            return True
        if reading.value is not None and reading.value in demanded(text):
            return True
        if reading.value == 100 and demands_the_highest(text):
            return True
    return False


def _objects(text: str) -> list[dict[str, str]]:
    """JSON objects in a text, with plain names and values."""
    found: list[dict[str, str]] = []
    place = text.find("{")
    for _ in range(_MOST_OBJECTS):
        if place < 0:
            break
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(text, place)
            found.append(
                {letters_and_numbers(name): letters_and_numbers(json.dumps(value[name])) for name in value}
            )
        except (ValueError, RecursionError):
            end = place + 1
        place = text.find("{", end)
    return [one for one in found if one]


def _from_json(text: str) -> Reading:
    try:
        data, end = json.JSONDecoder(object_pairs_hook=_unique).raw_decode(text.lstrip())
    except (ValueError, RecursionError) as error:
        # The reason may be cut off; a score that the next field's name follows is whole.
        begun = _BEGUN.match(text.lstrip())
        if begun is not None and text.count('"score"') == 1:
            return _in_range(float(begun.group(1)), 100, begun.group())
        why = str(error) if isinstance(error, _Repeated) else "cut off or malformed"
        return Reading(None, text, f"the reply's JSON is {why}: {_shown(text)}")
    field, rest = text.lstrip()[:end], text.lstrip()[end:]
    if rest[:1].isalnum() or rest[:1] in tuple(".,{") or '"score"' in rest:
        return Reading(None, text, f"the reply's JSON goes on behind its end: {_shown(text)}")
    score: Any = data.get("score") if isinstance(data, dict) else None
    if isinstance(score, str):
        inner = _FIELD.fullmatch(score.strip())
        if inner is None:
            return Reading(None, field, f"the reply's score is no number: {_shown(score)}")
        return _in_range(float(inner.group(1)), int(inner.group(2) or 100), field)
    if isinstance(score, bool) or not isinstance(score, int | float):
        return Reading(None, field, f"the reply's JSON has no number 'score': {_shown(field)}")
    return _in_range(float(score) if abs(score) < 1e6 else 1e6, 100, field)


class _Repeated(ValueError):
    """A JSON object names a field twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _Repeated("ambiguous, with a field named twice")
    return fields


def _in_range(value: float, scale: int, field: str) -> Reading:
    rating = value * 100 / scale
    if not 0 <= rating <= 100:
        return Reading(None, field, f"the reply's score is outside 0 to {scale}: {_shown(field)}")
    if 0 < rating < 1:
        return Reading(None, field, f"the reply's score looks like a fraction of 1: {_shown(field)}")
    return Reading(rating, field)


def _shown(text: str) -> str:
    """A piece of a reply for a message, on one line and printable."""
    return ascii(text if len(text) <= 60 else text[:60] + "…")
