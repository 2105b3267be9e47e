"""Words, sentences and windows of a text: everything that counts or cuts texts uses these.

Words follow Unicode's word segmentation (UAX #29, https://unicode.org/reports/tr29/), on the composed form of
the text (NFC), so that both forms of a text have the same words:

- a word is a run of letters, digits and underscores with their combining marks, in any script;
- marks, joiners and variation selectors belong to the character before them, and an emoji of several parts
  or a flag is one;
- a run of katakana is one word; an ideograph, a hiragana, and a letter of Thai, Lao, Khmer or Myanmar with
  its marks are a word each, since these scripts write no spaces and no dictionary is used.

Two rules are left out: an apostrophe or a full stop inside a word or number stays a token of its own (`dog's`
is three, `3.5` is three), as every other punctuation mark does.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import accumulate

_ASCII_WORD = re.compile(r"\w+|[^\w\s]")
_SINGLE = (
    "\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaadf"
)
"""Ideographs, hiragana, and the letters of scripts without spaces."""
SHORT = 3
"""A piece of fewer words is no sentence ("Mr."), and is joined to the one before."""
_KATAKANA = "\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


def split_words(text: str) -> list[str]:
    """Split a text into words in lower case and punctuation marks, as the module says."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [word.lower() for word in _word_pattern().findall(unicodedata.normalize("NFC", text))]


def count_words_and_marks(text: str) -> int:
    """Number of words and punctuation marks that `split_words` finds."""
    if text.isascii():
        return sum(1 for _ in _ASCII_WORD.finditer(text))
    return sum(1 for _ in _word_pattern().finditer(unicodedata.normalize("NFC", text)))


def count_words(text: str) -> int:
    """Number of words, without punctuation marks."""
    return sum(word[0].isalnum() for word in split_words(text))


@cache
def _word_pattern() -> re.Pattern[str]:
    """The expression of a word; made when the first text that is not ASCII comes."""
    extend = _ranges(lambda char: unicodedata.category(char) in ("Mn", "Mc", "Me"))
    extend += _ranges(lambda char: unicodedata.category(char) == "Cf" and char != "\u200b")
    extend += "\U0001f3fb-\U0001f3ff\u0e33\u0eb3"  # tones of skin; a vowel of Thai and Lao
    more = f"[{extend}]*"
    digits = _ranges(
        lambda char: unicodedata.category(char) == "Nd" and re.match(f"[{_SINGLE}]", char) is not None
    )
    letter = f"(?:[^\\W{_SINGLE}{_KATAKANA}{extend}]|[{digits}])"
    symbol = f"[^\\w\\s{extend}\u200b]"
    return re.compile(
        f"[\U0001f1e6-\U0001f1ff]{{2}}{more}|{symbol}{more}(?:(?<=\u200d){symbol}{more})*"
        f"|(?:{letter}{more})+|(?:[{_KATAKANA}]{more})+|[{_SINGLE}]{more}"
    )


def _ranges(belongs: Callable[[str], bool]) -> str:
    """The characters that belong to a class, for a character set of an expression."""
    codes = [code for start, stop in _SEARCHED for code in range(start, stop) if belongs(chr(code))]
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in runs)


_SEARCHED = ((0x80, 0x3100), (0xA000, 0xAC00), (0xFB00, 0x20000), (0xE0000, 0xE0200))
"""Where combining marks and format characters are; ideographs and Hangul have none."""


def sentences(text: str) -> list[str]:
    """Split after `.`, `!` or `?` followed by white space, after their full-width forms, and at line ends."""
    return [piece for part in _SENTENCE_END.split(text) if (piece := part.strip())]


def whole_sentences(text: str) -> list[str]:
    """Sentences, pieces of under three words joined to the one before; the text itself if it has none."""
    joined: list[list[str]] = []
    words = 0  # of the last sentence
    for piece in sentences(text):
        count = count_words_and_marks(piece)
        if joined and min(count, words) < SHORT:
            joined[-1].append(piece)
            words += count
        else:
            joined.append([piece])
            words = count
    return [" ".join(pieces) for pieces in joined] or [text]


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
