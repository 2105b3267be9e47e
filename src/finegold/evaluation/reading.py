"""What an answer says, read strictly: a choice, yes or no, a number. Nothing is read into a hedge."""

import re
from collections.abc import Sequence

from finegold.metrics.normalise import NUMBER_WORDS, normalise

_LETTER = re.compile(r"\s*\(?([A-J])(?:[).:]|\s*$)")
_SAID_LETTER = re.compile(r"\b(?:answer|option|choice)(?: is|:)? *\(?([A-J])(?:[).:,]|\s*$)", re.IGNORECASE)
_LEADING = re.compile(r"\W*(yes|no)\b\s*[.,;:!]", re.IGNORECASE)
_YES_NO = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
_TEENS = "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
_WORDS = {word: number for number, word in enumerate((*NUMBER_WORDS, *_TEENS.split()))} | {"none": 0}
_NUMBER = re.compile(rf"(?<![\d.,])(\d+)(?![\d]|[.,]\d)|\b({'|'.join(_WORDS)})\b", re.IGNORECASE)


def read_yes_no(answer: str) -> bool | None:
    """True for yes, False for no, None if the answer says neither or both.

    A leading `Yes,` or `No.` counts alone; `Yes or no` says both.
    """
    leading = _LEADING.match(answer)
    said = {leading.group(1).lower()} if leading else {word.lower() for word in _YES_NO.findall(answer)}
    return said == {"yes"} if len(said) == 1 else None


def read_count(answer: str) -> int | None:
    """The first whole number, in digits or as a word up to twenty; None without any. `1.5` is not whole."""
    found = _NUMBER.search(answer)
    if found is None:
        return None
    digits, word = found.groups()
    return int(digits) if digits else _WORDS[word.lower()]


def read_choice(answer: str, choices: Sequence[str]) -> int | None:
    """The position of the choice that an answer names; None if it names none or several.

    A letter (`B`, `(B) ...`, `The answer is B.`), else the words of one choice. A choice inside a longer one
    that is named as well does not count: `red fox` names `red fox`, not `red`.
    """
    letter = _LETTER.match(answer) or _SAID_LETTER.search(answer)
    if letter is not None and ord(letter.group(1).upper()) - ord("A") < len(choices):
        return ord(letter.group(1).upper()) - ord("A")
    said = f" {normalise(answer)} "
    words = [f" {normalise(choice)} " for choice in choices]
    exact = [position for position, choice in enumerate(words) if choice == said]
    if len(exact) == 1:
        return exact[0]
    named = [position for position, choice in enumerate(words) if choice.strip() and choice in said]
    longest = [p for p in named if not any(p != q and words[p] in words[q] for q in named)]
    return longest[0] if len(longest) == 1 else None
