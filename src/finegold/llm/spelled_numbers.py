"""Numbers from 1 to 100 that a text writes otherwise than in digits: in words, Roman, hexadecimal, spaced.

A judge that obeys "the score is ninety-nine" writes 99, so a demand in words counts as one in digits.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_WORDS: dict[str, tuple[str, str]] = {
    "en": (
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen",
        "twenty thirty forty fifty sixty seventy eighty ninety hundred",
    ),
    "de": (
        "ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
        "siebzehn achtzehn neunzehn",
        "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert",
    ),
    "nl": (
        "een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien "
        "zeventien achttien negentien",
        "twintig dertig veertig vijftig zestig zeventig tachtig negentig honderd",
    ),
    "fr": (
        "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
        "dix-huit dix-neuf",
        "vingt trente quarante cinquante soixante - quatre-vingt - cent",
    ),
    "es": (
        "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
        "diecisiete dieciocho diecinueve",
        "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien",
    ),
    "it": (
        "uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici "
        "sedici diciassette diciotto diciannove",
        "venti trenta quaranta cinquanta sessanta settanta ottanta novanta cento",
    ),
    "pt": (
        "um dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis "
        "dezessete dezoito dezenove",
        "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa cem",
    ),
    "ru": (
        "один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать "
        "четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать",
        "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто сто",
    ),
}
"""By language: the numbers from 1 to 19, and the tens from 20 to 100; "-" where there is no word."""
_JOINED = {"de": ("und",), "nl": ("en", "ën"), "fr": ("", " et"), "es": (" y", "i"), "pt": (" e",)}
"""What stands between tens and units, where it is not a space; in German and Dutch the units come first."""
_EASTERN = (("一二三四五六七八九", "十", "百"), ("일이삼사오육칠팔구", "십", "백"))
"""Chinese and Japanese, Korean: the digits, ten and hundred."""
_ROMAN = re.compile(r"\b(?=[ivxl]{2,8}\b|xc)(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})(?<=\w)\b")
_HEXADECIMAL = re.compile(r"\b0x([0-9a-f]{1,2})\b")
_SPACED = re.compile(r"(?<![\d.])\d(?:[ _\-*]\d){1,2}(?!\.?\d)")
_ADDED = re.compile(r"(?<![\d.])(\d{1,3}) ?([+\-−–]) ?(\d{1,3})(?!\.?\d)")
_WORD = re.compile(r"[^\W\d_]+")
_ONE_NUMBER = re.compile(r"(?:[^\W\d_]|[\s\-])+")
_CHARACTERS = re.compile("|".join(f"[{d}]?{h}|[{d}]?{t}[{d}]?" for d, t, h in _EASTERN))
_ONES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


def in_digits(text: str) -> str:
    """The text with such numbers in digits.

    Args:
        text: Lower case, in NFKC.
    """
    text = re.sub(r"(?<=\b\w) (?=\w\b)", "", text)
    text = _SPACED.sub(lambda found: re.sub(r"\D", "", found[0]), text)
    text = _ADDED.sub(lambda found: str(int(found[1]) + (1 if found[2] == "+" else -1) * int(found[3])), text)
    text = _HEXADECIMAL.sub(lambda found: str(int(found[1], 16)), text)
    text = _ROMAN.sub(lambda found: str(_roman(found[0])), text)
    text = _CHARACTERS.sub(lambda found: f" {_numbers()[found[0]]} ", text)
    return _words_in_digits(text)


def _words_in_digits(text: str) -> str:
    """The text with numbers of one to four words in digits, the longest first."""
    words, numbers = list(_WORD.finditer(text)), _numbers()
    pieces = []
    place = first = 0
    while first < len(words):
        after = first + 1
        if words[first][0] in _first_words():
            for last in range(min(first + 4, len(words)) - 1, first - 1, -1):
                number = numbers.get(" ".join(word[0] for word in words[first : last + 1]))
                start, end = words[first].start(), words[last].end()
                if number is not None and _ONE_NUMBER.fullmatch(text, start, end):
                    pieces += [text[place:start], f" {number} "]
                    place, after = end, last + 1
                    break
        first = after
    return "".join([*pieces, text[place:]])


def _roman(letters: str) -> int:
    values = [_ONES[letter] for letter in letters]
    return sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True))


def _western(language: str) -> Iterator[tuple[str, int]]:
    """Every way to write each number in a language, words with spaces between."""
    low, high = (words.split() for words in _WORDS[language])
    yield from zip(low, range(1, 20), strict=True)
    tens = [(word, ten) for word, ten in zip(high, range(20, 101, 10), strict=True) if word != "-"]
    yield from tens
    yield from ((f"{word} {tens[-1][0]}", 100) for word in ("a", low[0]))
    for word, ten in tens[:-1]:
        for unit, name in enumerate(low[:19] if ten in (60, 80) and language == "fr" else low[:9], 1):
            for joint in _JOINED.get(language, ("",)):
                if language in ("de", "nl"):
                    yield f"{name}{joint}{word}", ten + unit
                elif joint == "i":  # veintidós
                    for accent in ("", "\u0301"):
                        stem, end = (name[:-1], name[-1:]) if unit != 6 else (name[:-2], name[-2:])
                        written = unicodedata.normalize("NFC", f"{word[:-1]}i{stem}{accent}{end}")
                        yield written, ten + unit
                else:
                    yield f"{word}{joint} {name}", ten + unit
            if language == "it" and unit in (1, 8):  # ventuno
                yield f"{word[:-1]}{name}", ten + unit


def _eastern() -> Iterator[tuple[str, int]]:
    for digits, ten, hundred in _EASTERN:
        yield from ((one + hundred, 100) for one in ("", digits[0]))
        for number in range(1, 100):
            tens, unit = divmod(number, 10)
            many = (digits[tens - 1] if tens > 1 else "") + ten if tens else ""
            yield many + (digits[unit - 1] if unit else ""), number
            if tens:
                yield digits[tens - 1] + ten + (digits[unit - 1] if unit else ""), number


@lru_cache
def _numbers() -> dict[str, int]:
    """The numbers by the words that they are written in, with one space between two, or with none."""
    found = dict(_eastern())
    for language in _WORDS:
        for written, number in _western(language):
            words = written.casefold().replace("-", " ").split()
            found.setdefault(" ".join(words), number)
            found.setdefault("".join(words), number)
    return found


@lru_cache
def _first_words() -> frozenset[str]:
    return frozenset(words.split()[0] for words in _numbers())
