"""Questions that offer options by letters, and which of them an answer chooses."""

import re
from functools import lru_cache
from typing import NamedTuple

MOST = 10
"""Options of a question at most; more letters with a full stop are something else."""
_MARK = re.compile(r"(?:(?<=[\s:?])|^)\(?([A-Z])[.):]\s*(?=\S)")
_LETTER = re.compile(
    r"\W*(?:(?:the )?(?:correct )?(?:answer|option)(?: is)?\W+)?([A-Za-z])\W*", re.IGNORECASE
)
_LETTER_AND_TEXT = re.compile(r"\s*\(?([A-Z])[.):]\s+\S.*", re.DOTALL)


class Choice(NamedTuple):
    """The option that an answer chooses, and the others in their order."""

    text: str
    others: tuple[str, ...]


@lru_cache(maxsize=1 << 14)
def options_of(question: str) -> tuple[int, tuple[str, ...]]:
    """Where the options of a question begin, and their texts: A first; none if it offers fewer than two.

    Options are letters in order, each with a full stop, a colon or a bracket, in one line or several.
    """
    marks: list[re.Match[str]] = []
    for mark in _MARK.finditer(question):
        if mark[1] == chr(ord("A") + len(marks)):
            marks.append(mark)
    if not 2 <= len(marks) <= MOST:
        return len(question), ()
    ends = [*(mark.start() for mark in marks[1:]), len(question)]
    texts = (question[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True))
    options = tuple(text.split("\n", 1)[0].strip(" \t.,;") for text in texts)
    return (marks[0].start(), options) if all(options) else (len(question), ())


def choice_of(question: str, answer: str) -> Choice | None:
    """The option that an answer names, by its letter, its text or both; None where it names none."""
    options = options_of(question)[1]
    if not options:
        return None
    named = _LETTER.fullmatch(answer) or _LETTER_AND_TEXT.fullmatch(answer)
    said = answer.strip(" \t\n.,;").lower()
    texts = [option.lower() for option in options]
    at = ord(named[1].upper()) - ord("A") if named else texts.index(said) if said in texts else len(options)
    return Choice(options[at], (*options[:at], *options[at + 1 :])) if at < len(options) else None
