"""Read a rating from a reply: the score field of the reply and nothing else."""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_NUMBER = r"(\d{1,3}(?:\.\d+)?)"
_FIELD = re.compile(
    rf"(?:(?:final|overall|total|my)\s+)?(?:score|rating|quality|grade)?\s*(?:is|[:=])?\s*{_NUMBER}"
    r"(?:\s*(?:/|out\s+of)\s*(100|10))?(?:\s*(?:points?|%))?\s*[.,;]?",
    re.IGNORECASE | re.ASCII,
)
_BEGUN = re.compile(rf'\{{\s*"score"\s*:\s*{_NUMBER}\s*,', re.ASCII)
_BARE = re.compile(r"[\d./%*]+")
_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
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
    body = _THINKING.sub("", text).lstrip("\ufeff").lstrip()
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

    The whole reply and the field that was read of it are compared with the untrusted texts, without spaces,
    invisible characters and case. A bare number is a repeat only of a whole line, since a caption may well
    hold the number 90; anything longer ("Score: 100", a JSON object) is one of any part.
    """
    field = _plain(reading.field)
    whole = _plain(reply)
    for text in untrusted:
        everything = _plain(text)
        if not everything or not field:
            continue
        lines = {_plain(line) for line in text.splitlines()}
        if field in lines or (not _BARE.fullmatch(field) and field in everything):
            return True
        if len(whole) > len(field) and not _BARE.fullmatch(whole) and whole in everything:
            return True
    return False


def _from_json(text: str) -> Reading:
    try:
        data, end = json.JSONDecoder(object_pairs_hook=_unique).raw_decode(text.lstrip())
    except (ValueError, RecursionError) as error:
        # The reason may be cut off; a score before it that ends in a comma is whole.
        begun = _BEGUN.match(text.lstrip())
        if begun is not None and text.count('"score"') == 1:
            return _in_range(float(begun.group(1)), 100, begun.group())
        why = str(error) if isinstance(error, _Repeated) else "cut off or malformed"
        return Reading(None, text, f"the reply's JSON is {why}: {_shown(text)}")
    field = text.lstrip()[:end]
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


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if not c.isspace() and unicodedata.category(c) != "Cf")
