"""The language of a text, by its script and its small words: enough to tell what an encoder cannot read."""

import re
from collections import Counter

DEFAULT = "en"
"""What a text is taken for that nothing tells from English: a name, a number, `Si`."""
_SCRIPTS = (
    ("ja", r"[\u3040-\u30ff]"),
    ("zh", r"[\u3400-\u4dbf\u4e00-\u9fff]"),
    ("ko", r"[\uac00-\ud7af]"),
    ("ru", r"[\u0400-\u04ff]"),
    ("ar", r"[\u0600-\u06ff]"),
    ("he", r"[\u0590-\u05ff]"),
    ("hi", r"[\u0900-\u097f]"),
    ("th", r"[\u0e00-\u0e7f]"),
    ("el", r"[\u0370-\u03ff]"),
)
"""Letters by language; a language whose script others share stands for all of them."""
_SMALL_WORDS = {
    "en": "the a an of and is are in on with to it this that at by his her its there for from two one as",
    "es": "el la los las un una unos unas de del y en con es se que por para su al está hay más como sobre",
    "fr": "le la les un une des du de et est dans sur avec il elle qui que pour au aux ce cette sont d l en",
    "de": "der die das den dem ein eine einen einem einer und ist im in auf mit zu von nicht sich sind am es",
    "it": "il lo la gli le un una di del della e è in con che per si al alla sono nel nella su dei delle",
    "pt": "o a os as um uma de do da dos das e é em no na com que para se ao por está são seu sua",
    "nl": "de het een van en is in op met zijn dat die te er aan voor bij naar hij ze",
    "pl": "i w na z jest się nie do to że po jego od przez są ma za przy",
    "tr": "ve bir bu da de için ile çok olarak var üzerinde olan gibi",
    "vi": "một và của là có trong người đang trên với các những này cho không",
    "id": "yang dan di dengan ini itu untuk dari pada adalah sebuah seorang sedang ada ke",
    "sv": "och en ett i på är med som det att av för den till har inte sig",
}
_LANGUAGES_OF: dict[str, list[str]] = {}
for _language, _words in _SMALL_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_language)
_LETTERS = re.compile(r"[^\W\d_]")
_WORDS = re.compile(r"[^\W\d_]+")
_FEWEST = 2
"""Small words that a text must have of a language that is not the default."""
_SEEN = 2_000
"""Characters that are looked at."""


def language_of(text: str) -> str:
    """The two-letter code of a text's language; `en` where nothing tells it from English.

    A text of which a third or more of the letters are of another script is of that script's language.
    Otherwise it is the language that most of its small words belong to, if it has two that English lacks.
    """
    text = text[:_SEEN]
    letters = len(_LETTERS.findall(text))
    for language, pattern in _SCRIPTS:
        if 3 * len(re.findall(pattern, text)) >= max(1, letters):
            return language
    counts: Counter[str] = Counter()
    for word in _WORDS.findall(text.lower()):
        counts.update(_LANGUAGES_OF.get(word, ()))
    if not counts:
        return DEFAULT
    best = max(sorted(counts), key=counts.__getitem__)
    if counts[best] - counts[DEFAULT] < _FEWEST and counts[best] < 3 * max(1, counts[DEFAULT]):
        return DEFAULT
    return best if counts[best] >= _FEWEST else DEFAULT
