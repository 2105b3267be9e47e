"""Read a verdict: two scores from 1 to 10, from the reply's own score field and nothing else."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from finegold.llm import Reading, demands_verdict, echoes, without_thinking

_NUMBER = r"\**([0-9]{1,2}(?:\.[0-9]+)?)(?:\s*/\s*10)?\**"
_PAIR = re.compile(
    rf"[\[(]?\s*{_NUMBER}(?:\s*[,;|]\s*|\s+(?:and\s+|vs\.?\s+)?){_NUMBER}\s*[\])]?\.?", re.IGNORECASE
)
_LABELLED = re.compile(
    rf"\**(?:the\s+)?(?:assistant|answer|response)\s*#?([12])(?:'s)?(?:\s+score)?\s*\**\s*[:=]\s*{_NUMBER}\.?",
    re.IGNORECASE,
)
_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*?)\n?```", re.DOTALL)


_REPEATED = "the reply repeats an answer's own words as its verdict"
_DEMANDED = "an answer demands this verdict itself"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scores of the answers in the order in which they were shown.

    Attributes:
        scores: Scores of answer 1 and answer 2, 1 to 10; None if the reply cannot be read.
        reason: Why it cannot be read; empty if it can.
    """

    scores: tuple[float, float] | None
    reason: str = ""


def parse_verdict(text: str, answers: Iterable[str] = (), *, cut: bool = False) -> Verdict:
    """Read two scores from a reply.

    They stand in the first line that is not blank ("8 9", "8, 9", "8/10 9/10"), behind labels in the first
    line or two ("Assistant 1: 8"), or in the fields `first` and `second` of a JSON object. Anything else is
    unreadable: never -1, never a draw.

    Args:
        text: The reply.
        answers: The answers in the order in which they were shown; a verdict that repeats one's words, or
            that one demands, is that answer's, not the judge's.
        cut: Whether the reply ended because it was too long: then a number at its very end may lack digits.
    """
    body = without_thinking(text).strip("\ufeff").strip()
    if not body:
        return Verdict(None, "the reply is empty")
    fenced = _FENCE.match(body)
    inner = (fenced.group(1) if fenced else body).lstrip()
    field, scores = _json_pair(inner) if inner.startswith("{") else _line_pair(body)
    if scores is None:
        return Verdict(None, f"the reply does not begin with two scores: {_shown(field)}")
    if cut and body.endswith(field):
        return Verdict(None, f"the reply was cut off at {_shown(field)}, which may lack digits")
    if not all(1 <= score <= 10 for score in scores):
        return Verdict(None, f"a score is outside 1 to 10: {_shown(field)}")
    shown = tuple(answers)
    if echoes(Reading(None, field), body, shown):
        return Verdict(None, f"{_REPEATED}: {_shown(field)}")
    for own, answer in enumerate(shown[:2]):
        if demands_verdict(answer, scores, own):
            return Verdict(None, f"{_DEMANDED}: {_shown(field)}")
    return Verdict(scores)


def is_caught(reason: str) -> bool:
    """Whether the reason why a verdict is not believed is that an answer wrote or demanded it."""
    return reason.startswith((_REPEATED, _DEMANDED))


def _line_pair(body: str) -> tuple[str, tuple[float, float] | None]:
    lines = [line.replace("**", "").strip(" \t\r\u00a0*_`#") for line in body.split("\n") if line.strip()]
    found = _PAIR.fullmatch(lines[0])
    if found is not None:
        return lines[0], (float(found.group(1)), float(found.group(2)))
    for count in (1, 2):
        pieces = [piece.strip() for line in lines[:count] for piece in re.split(r"[,;|]", line)]
        labelled = [_LABELLED.fullmatch(piece) for piece in pieces]
        scores = {match.group(1): float(match.group(2)) for match in labelled if match is not None}
        if len(pieces) == len(scores) == 2 and all(labelled):
            return "\n".join(lines[:count]), (scores["1"], scores["2"])
    return lines[0], None


def _json_pair(text: str) -> tuple[str, tuple[float, float] | None]:
    try:
        pairs: Any
        pairs, end = json.JSONDecoder(object_pairs_hook=list).raw_decode(text)
    except (ValueError, RecursionError):
        return text, None
    found = [(name, value) for name, value in pairs if name in ("first", "second")]
    scores = dict(found)
    numbers = all(
        isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e6 for v in scores.values()
    )
    if len(found) != 2 or len(scores) != 2 or not numbers:
        return text[:end], None
    return text[:end], (float(scores["first"]), float(scores["second"]))


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:60] + "…")
