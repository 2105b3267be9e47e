"""The answer normalisation of the official VQA evaluation, with its slips, which LVLM-eHub's scores rest on.

Written from its description. The slips are part of the published numbers:

- whether a punctuation mark is deleted or becomes a space depends on whether it touches a space anywhere in
  the text, and a number with a comma makes all marks be deleted;
- only the first 32 full stops that no digit follows are deleted (a flag is passed as the count);
- apostrophe, colon, `$`, `%`, `*`, `#` and `&` stay;
- words that lost an apostrophe get it back from a closed list with gaps (no `shell`, no `didn't've`),
  oddities (`somebody'd` loses its apostrophe) and capitals that lower-cased text never meets.
"""

import re
from collections.abc import Sequence

_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_STOP = re.compile(r"\.(?!\d)")
_STOPS_DELETED = 32
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = {word: str(number) for number, word in enumerate(NUMBER_WORDS)} | {"none": "0"}
_ARTICLES = frozenset({"a", "an", "the"})
_ONE_APOSTROPHE = """
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd
    how'll how's I'm I've isn't it'd it'll ma'am mightn't might've mustn't must've needn't not've o'clock
    oughtn't shan't should've shouldn't somebody'll somebody's someone'd someone'll someone's something'd
    something'll that's there'd there're there's they'd they'll they're they've wasn't we've weren't
    what'll what're what's what've when's where'd where's where've who'd who'll who's who've why'll
    why're why's won't would've wouldn't y'all you'd you'll you're you've 'twas
"""
"""Written without their apostrophe, these get it back."""

_TWO_APOSTROPHES = """
    couldn't've hadn't've he'd've I'd've it'd've mightn't've she'd've shouldn't've somebody'd've
    someone'd've something'd've there'd've they'd've we'd've who'd've wouldn't've y'all'll you'd've
"""
"""Written with one of the two, these get the other back."""

_ODD = {
    "let's": "let's",
    "she's": "she's",
    "ow's'at": "'ow's'at",
    "'ows'at": "'ow's'at",
    "'ow'sat": "'ow's'at",
    "somebody'd": "somebodyd",
    "yall'd've": "y'all'd've",
    "y'alld've": "y'all'd've",
    "y'all'dve": "y'all'd've",
}


def _table() -> dict[str, str]:
    table = {word.replace("'", ""): word for word in _ONE_APOSTROPHE.split()}
    for word in _TWO_APOSTROPHES.split():
        first, middle, last = word.split("'")
        table[f"{first}{middle}'{last}"] = table[f"{first}'{middle}{last}"] = word
    return table | _ODD


CONTRACTIONS = _table()
"""From what stands in an answer to what replaces it."""


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


def vqa_accuracy(answer: str, annotations: Sequence[str]) -> float:
    """VQA accuracy of one answer, in [0, 1] (Antol et al. 2015, arXiv 1505.00468).

    min(1, matches / 3), averaged over leaving out each annotator in turn, after the official normalisation on
    both sides. The official script leaves both sides as they are when all annotators agree; this does not.

    Args:
        answer: What the model said.
        annotations: The annotators' answers, usually ten, at least one.
    """
    said = normalise(answer)
    matches = sum(normalise(annotation) == said for annotation in annotations)
    others = len(annotations) - matches
    return (matches * min(1.0, (matches - 1) / 3) + others * min(1.0, matches / 3)) / len(annotations)
