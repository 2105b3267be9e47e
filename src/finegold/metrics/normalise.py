"""The answer normalisation of the official VQA evaluation, with its slips, which LVLM-eHub's scores rest on.

Written from its description. The slips are part of the published numbers:

- whether a punctuation mark is deleted or becomes a space depends on whether it touches a space anywhere in
  the text, and a number with a comma makes all marks be deleted;
- only the first 32 full stops that no digit follows are deleted (a flag is passed as the count);
- apostrophe, colon, `$`, `%`, `*`, `#` and `&` stay.
"""

import re

from finegold.metrics.contractions import CONTRACTIONS

_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_STOP = re.compile(r"\.(?!\d)")
_STOPS_DELETED = 32
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = {word: str(number) for number, word in enumerate(NUMBER_WORDS)} | {"none": "0"}
_ARTICLES = frozenset({"a", "an", "the"})


def normalise(text: str) -> str:
    """Lower-case words without articles and most punctuation, number words up to ten as digits."""
    text = text.replace("\n", " ").replace("\t", " ").strip()
    words = (_DIGITS.get(word, word) for word in _without_marks(text).lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def _without_marks(text: str) -> str:
    delete_all = _COMMA_IN_NUMBER.search(text) is not None
    result = text
    for mark in _MARKS:
        touches_space = f"{mark} " in text or f" {mark}" in text
        result = result.replace(mark, "" if delete_all or touches_space else " ")
    return _STOP.sub("", result, count=_STOPS_DELETED)


def contains_answer(answer: str, accepted: str) -> bool:
    r"""LVLM-eHub's test: the accepted answer occurs in the answer between word boundaries, both normalised.

    An accepted answer that begins with a character outside `\w`, such as `$5`, is never found behind a space;
    one that normalises to nothing, such as `the`, is found in every text that holds a word.
    """
    return re.search(rf"\b{re.escape(normalise(accepted))}\b", normalise(answer)) is not None
