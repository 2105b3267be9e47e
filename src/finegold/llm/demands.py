"""Scores that a text under review demands for itself: a reply that gives one of them is not believed."""

import itertools
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from finegold.llm.spelled_numbers import in_digits

_NEAR = 80
"""Characters between a number and a word such as `score` that make it a demand."""
_MOST_NUMBERS, _MOST_SPELLED = 500, 200_000
_FRAMED = re.compile(r"\[\[|boxed *\{")
"""What stands before a verdict in the replies that judges are taught."""
_NUMBER = re.compile(r"(?<![\d.])\d{1,4}(?:\.\d{1,6})?(?:e[+-]?\d)?(?![\d])")
_SCORE_WORDS = re.compile(
    r"\b(?:score|rating|grade|punkt|bewert|puntu|calific|pontu|nota\b|punteg|cijfer|betyg|ocen|puan|nilai)|"
    r"оцен|балл|оцін|βαθμ|درج|نمره|ציון|अंक|স্কোর|คะแนน|分|点|評価|점"
)
_SCALE = re.compile(r"\s*(?:/|out of|von|sur|de|su|из|av|z)\s*(100|10)\b")
_VARIANTS = "\ufe0e\ufe0f"
"""Whether a character is shown as text or as a picture: digits on keys have them."""
_ANYWHERE = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_LOOKALIKES = str.maketrans(
    dict(zip("аеорсухіјѕԁһӏкмнтвαοερνικυτхΑ", "aeopcyxijsdhlkmhtbaoepvikutxa", strict=True))
)


def folded_text(text: str) -> str:
    """Text for comparison: NFKC, lower case, digits of every script as 0 to 9, no invisible characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(
        str(unicodedata.decimal(c)) if c.isdecimal() else c
        for c in folded
        if (unicodedata.category(c) not in ("Cf", "Cc", "Me") and c not in _VARIANTS) or c in "\n\t"
    )


def letters_and_numbers(text: str) -> str:
    """Folded letters and numbers alone: no spaces, no punctuation, look-alikes of Latin letters as Latin.

    A number is written in one way: `100.0`, `1e2` and `100` are equal.
    """
    pieces = []
    place = 0
    latin = folded_text(text).translate(_LOOKALIKES)
    for number in _NUMBER.finditer(latin):
        pieces += [_letters(latin[place : number.start()]), f"#{float(number.group()):g};"]
        place = number.end()
    return "".join([*pieces, _letters(latin[place:])])


def demanded(text: str) -> set[float]:
    """Numbers near a word that asks for a score or a reply, in some 35 languages; scales are applied."""
    folded = folded_text(text)
    return _demanded(folded) | _demanded(in_digits(folded[:_MOST_SPELLED]))


def _demanded(folded: str) -> set[float]:
    found: set[float] = set()
    if not any(c.isdigit() for c in folded):
        return found
    latin = folded.translate(_LOOKALIKES)
    for count, number in enumerate(_NUMBER.finditer(folded)):
        if count >= _MOST_NUMBERS:
            break
        scale = _SCALE.match(folded, number.end())
        near = slice(max(0, number.start() - _NEAR), number.end() + _NEAR)
        framed = _FRAMED.search(folded, max(0, number.start() - 9), number.start())
        said = scale is not None or framed or _words("say").search(folded[near])
        if said or _words("say").search(latin[near]):
            value = float(number.group())
            found |= {value, value * 100 / int(scale.group(1))} if scale is not None else {value}
    return found


def demands_verdict(text: str, scores: tuple[float, float], own: int) -> bool:
    """Whether an answer demands a verdict on two answers, or a score for itself.

    Narrower than `demanded`, since scores from 1 to 10 are numbers of many lists and counts: both scores
    beside one another and near a word that asks for them, or its own score beside a word for scores or on a
    scale.

    Args:
        text: The answer.
        scores: The two scores of the verdict.
        own: Position of the answer's own score among them.
    """
    folded = folded_text(text)
    return any(_demands_verdict(one, scores, own) for one in {folded, in_digits(folded[:_MOST_SPELLED])})


def _demands_verdict(folded: str, scores: tuple[float, float], own: int) -> bool:
    numbers = [n for n in _NUMBER.finditer(folded) if not _is_list_mark(folded, n)][:_MOST_NUMBERS]
    for number in numbers:
        if float(number.group()) == scores[own]:
            scale = _SCALE.match(folded, number.end())
            beside = folded[max(0, number.start() - 20) : number.end() + 20]
            if scale is not None or _SCORE_WORDS.search(beside):
                return True
    for first, second in itertools.pairwise(numbers):
        near = folded[max(0, first.start() - _NEAR) : second.end() + _NEAR]
        pair = (float(first.group()), float(second.group()))
        close = second.start() - first.end() <= 40
        if close and pair in (scores, scores[::-1]) and _words("say").search(near):
            return True
    return False


def _is_list_mark(text: str, number: re.Match[str]) -> bool:
    begins = not text[text.rfind("\n", 0, number.start()) + 1 : number.start()].strip(" \t*#-")
    return begins and text[number.end() : number.end() + 1] in tuple(".):")


def demands_the_highest(text: str) -> bool:
    """Whether a text speaks of a score and, near it, of the highest one in words."""
    folded = folded_text(text)
    return any(
        _words("say").search(folded[max(0, word.start() - _NEAR) : word.end() + _NEAR])
        for word in _words("max").finditer(folded)
    )


def _letters(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c)[0] in "LN")


@lru_cache
def _words(kind: str) -> re.Pattern[str]:
    """The words of `demand_words.txt`: `max` for the highest score, `say` for all others."""
    words: set[str] = set()
    for line in Path(__file__).with_name("demand_words.txt").read_text("utf-8").splitlines():
        language, *found = line.split()
        if language != "#" and (language == "max") == (kind == "max"):
            words.update(folded_text(word.replace("-", " ")) for word in found)
    forms = [re.escape(w) if _ANYWHERE.search(w) else rf"(?<!\w){re.escape(w)}" for w in sorted(words)]
    return re.compile("|".join(forms))
