"""Words, sentences and windows of a text: everything that counts or cuts texts uses these."""

import re
from collections.abc import Callable
from itertools import accumulate

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
SHORT = 3
"""A piece of fewer words is no sentence ("Mr."), and is joined to the one before."""
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+|[^\w\s]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


def split_words(text: str) -> list[str]:
    """Split a text into words in lower case, punctuation marks and single Chinese or Japanese characters."""
    return _WORD.findall(text.lower())


def count_words(text: str) -> int:
    """Number of words that `split_words` finds."""
    return sum(1 for _ in _WORD.finditer(text))


def sentences(text: str) -> list[str]:
    """Split after `.`, `!` or `?` followed by white space, after their full-width forms, and at line ends."""
    return [piece for part in _SENTENCE_END.split(text) if (piece := part.strip())]


def whole_sentences(text: str) -> list[str]:
    """Sentences, pieces of under three words joined to the one before; the text itself if it has none."""
    joined: list[str] = []
    for piece in sentences(text):
        if joined and min(count_words(piece), count_words(joined[-1])) < SHORT:
            joined[-1] = f"{joined[-1]} {piece}"
        else:
            joined.append(piece)
    return joined or [text]


def sentence_ends(text: str) -> list[int]:
    """Where each of the `whole_sentences` of a text ends: the place after its last character."""
    solid = [place for place, character in enumerate(text) if not character.isspace()]
    counts = [len("".join(piece.split())) for piece in whole_sentences(text)]
    return [solid[number - 1] + 1 if number else len(text) for number in accumulate(counts)]


def split_windows(
    text: str, count_tokens: Callable[[str], int], max_tokens: int, *, join: bool = True
) -> list[str]:
    """Split a text into windows of at most `max_tokens` tokens; only white space is lost.

    Args:
        text: Any text.
        count_tokens: Counts the tokens of a text, markers included.
        max_tokens: Number of tokens that the model reads; more than its markers take.
        join: Put as many sentences into a window as fit; otherwise every sentence is a window.

    Returns:
        Sentences, runs of sentences, or, of a sentence that does not fit, runs of words or of characters. One
        window for an empty text.
    """
    windows: list[str] = []
    for sentence in sentences(text):
        if join and windows and count_tokens(f"{windows[-1]} {sentence}") <= max_tokens:
            windows[-1] = f"{windows[-1]} {sentence}"
        elif count_tokens(sentence) <= max_tokens:
            windows.append(sentence)
        else:
            windows.extend(_fit(sentence, count_tokens, max_tokens))
    return windows or [text]


def _fit(text: str, count_tokens: Callable[[str], int], max_tokens: int) -> list[str]:
    """Cut a text that does not fit in half, at a space if there is one, until the pieces fit."""
    if count_tokens(text) <= max_tokens or len(text) == 1:
        return [text]
    middle = len(text) // 2
    before, after = text.rfind(" ", 1, middle + 1), text.find(" ", middle)
    spaces = [place for place in (before, after) if 0 < place < len(text) - 1]
    cut = min(spaces, key=lambda place: abs(place - middle), default=middle)
    halves = (text[:cut].strip(), text[cut:].strip())
    return [piece for half in halves if half for piece in _fit(half, count_tokens, max_tokens)]
