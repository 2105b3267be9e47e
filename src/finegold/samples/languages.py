"""The language of a text, by its script, its letters and its small words; `unknown` where these do not tell.

No model is asked, so short texts often stay unknown: docs/mixtures.md has the figures.
"""

import re
from collections import Counter

DEFAULT = "en"
"""What a text is taken for that nothing tells from English: a name, a number, `Si`."""
UNKNOWN = "unknown"
"""What a text is of that is no English, and of which nothing tells which other language it is."""
_SCRIPTS = {
    **{"ko": r"\uac00-\ud7af", "he": r"\u0590-\u05ff", "th": r"\u0e00-\u0e7f", "el": r"\u0370-\u03ff"},
    **{"bn": r"\u0980-\u09ff", "pa": r"\u0a00-\u0a7f", "gu": r"\u0a80-\u0aff", "ta": r"\u0b80-\u0bff"},
    **{"te": r"\u0c00-\u0c7f", "kn": r"\u0c80-\u0cff", "ml": r"\u0d00-\u0d7f", "si": r"\u0d80-\u0dff"},
    **{"lo": r"\u0e80-\u0eff", "my": r"\u1000-\u109f", "ka": r"\u10a0-\u10ff", "hy": r"\u0530-\u058f"},
    **{"am": r"\u1200-\u137f", "km": r"\u1780-\u17ff"},
    **{"cyrillic": r"\u0400-\u04ff", "arabic": r"\u0600-\u06ff", "devanagari": r"\u0900-\u097f"},
    "han": r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff",
}
"""Letters of a language, or of a script that several languages write."""
_LETTERS = {
    "latin": {
        "es": "áéíóúüñ",
        "fr": "àâæçéèêëîïôœùûüÿ",
        "de": "äöüß",
        "it": "àèéìòù",
        "pt": "áâãàçéêíóôõú",
        "nl": "ëïéöè",
        "pl": "ąćęłńóśźż",
        "tr": "çğıiöşüâ\u0307",
        "vi": "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ",
        "id": "",
        "sv": "åäöé",
        "da": "æøåé",
        "no": "æøåéòô",
        "fi": "äöå",
        "et": "äõöüšž",
        "cs": "áčďéěíňóřšťúůýž",
        "sk": "áäčďéíĺľňóôŕšťúýž",
        "hu": "áéíóöőúüű",
        "ro": "ăâîșşțţ",
        "ca": "àçèéíïòóúü·",
        "hr": "čćđšž",
        "lt": "ąčęėįšųūž",
        "lv": "āčēģīķļņšūž",
    },
    "cyrillic": {
        "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
        "be": "абвгдеёжзійклмнопрстуўфхцчшыьэюя",
        "bg": "абвгдежзийклмнопрстуфхцчшщъьюя",
        "sr": "абвгдђежзијклљмнњопрстћуфхцчџш",
        "mk": "абвгдѓежзѕијклљмнњопрстќуфхцчџш",
    },
    "arabic": {"ar": "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىي", "fa": "", "ur": ""},
}
"""Letters that a language writes, of Latin those beyond a to z: a text with another is not of it."""
_LETTERS["arabic"]["fa"] = "آائبپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی"
_LETTERS["arabic"]["ur"] = "آؤائبپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمنںوہھءیےۓ"
_WORDS = {
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
    "id": "yang dan di dengan ini itu untuk dari pada adalah sebuah seorang sedang ada ke atas dalam tidak",
    "sv": "och en ett i på är med som det att av den för till har inte sig",
    "da": "og en et i på er med som det af den der for til har ikke sig ved fra hun han hen",
    "no": "og en et ei i på er med som det av den for til har ikke seg ved fra hun han",
    "fi": "ja on ei se että joka hän hänellä ovat oli kun mutta kuin niin myös kanssa päällä vieressä",
    "et": "ja on ei see et mis kes ta tema oma kui aga ning koos peal juures kõrval",
    "cs": "a je na v se s z do po u o že to jsou má pro není ve ze který která které jak ale",
    "sk": "a je na v sa s z do po pri o že to sú má pre nie vo zo ktorý ktorá ktoré ako ale",
    "hu": "a az egy és van hogy nem ez azt is meg mellett alatt ül áll fut lát két",
    "ro": "și în pe un o de cu la este sunt care din nu se lângă sub ce pentru lui",
    "ca": "el la els les un una uns unes de del i en amb és es que per al hi ha sobre porta està",
    "hr": "i je na u se s od do po su sa ne koji koja koje nije za da kod pored nosi",
    "lt": "ir yra ant su į iš prie per tai kad jis ji nes ne kuris kuri šalia",
    "lv": "un ir uz ar no pie par tas ka viņš viņa nav kas blakus",
    "ru": "и в не на с что это по у к из за от для он она как или под нет его её рядом возле который",
    "uk": "і й та в у на з по що це він вона до як біля ні не під який є від бо має",
    "be": "і ў у на з па што гэта ён яна да як не пад які ёсць ад каля",
    "bg": "и в на с се е да не за от по са има през върху при край един една той тя като до който",
    "sr": "и у на са се је да не за од по су који која има на до један једна",
    "mk": "и во на со се е да не за од по има кој која до еден една",
    "ar": "في من على و إلى هذا هذه هو هي مع التي الذي أن لا ما عن بجانب",
    "fa": "و در به از که این را با است روی یک برای آن دارد می او نه",
    "ur": "اور میں کے کی کا ہے ہیں سے پر ایک یہ کو نے وہ نہیں",
}
"""Small words of languages that share a script."""
_ENDINGS = {
    "fi": ("ssa", "ssä", "lla", "llä", "sta", "stä", "lle", "taan", "tään", "nsa", "nsä"),
    "hu": ("ban", "ben", "nak", "nek", "hoz", "hez"),
    "tr": ("yor", "lar", "ler", "ında", "inde", "ları", "leri"),
    "ru": ("ит", "ет", "ят", "ют", "ут", "ат", "ый", "ая", "ое", "ые", "ого"),
    "uk": ("ить", "ять", "ють", "уть", "ий", "ає", "ує"),
    "bg": ("ът", "ята", "ите", "ава", "ят", "ат"),
}
"""Ends of words that count as small words, of words of five letters or more."""
_ENGLISH = frozenset(
    [
        "the",
        "and",
        "of",
        "are",
        "with",
        "this",
        "that",
        "by",
        "his",
        "their",
        "there",
        "from",
        "two",
        "three",
        "five",
        "not",
        "yes",
        "she",
        "they",
        "you",
        "been",
        "have",
        "had",
        "can",
        "does",
        "if",
        "than",
        "then",
        "out",
        "up",
        "down",
        "off",
        "into",
        "onto",
        "near",
        "behind",
        "front",
        "through",
        "while",
        "who",
        "which",
        "what",
        "when",
        "where",
        "how",
        "why",
        "some",
        "many",
        "more",
        "other",
        "both",
        "each",
        "between",
        "around",
        "next",
        "very",
        "like",
        "them",
        "your",
        "my",
        "people",
        "woman",
        "women",
        "men",
        "boy",
        "girl",
        "child",
        "children",
        "kid",
        "lady",
        "player",
        "friend",
        "dog",
        "bird",
        "street",
        "tree",
        "trees",
        "beach",
        "grass",
        "snow",
        "sky",
        "house",
        "food",
        "blue",
        "green",
        "white",
        "black",
        "brown",
        "yellow",
        "purple",
        "gray",
        "grey",
        "small",
        "big",
        "young",
        "old",
        "stand",
        "sit",
        "run",
        "play",
        "walk",
        "hold",
        "wear",
        "look",
        "ride",
        "jump",
        "talk",
        "lead",
        "car",
        "object",
    ]
)
"""Words of English that hardly another language has, also with -s, -ing or -ed."""
_SCRIPT_PATTERNS = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")
_KANA = re.compile(r"[\u3040-\u30ff]")
_FEWEST = 2
"""Small words that a text must have of a language that is not the default, unless its letters tell."""
_NAME = 2
"""Words of a name, which may be anyone's: so few words are English, whatever their letters."""
_SENTENCE = 4
"""Words from which on a text without any common English word is no English."""
_SEEN = 2_000
"""Characters that are looked at."""


def language_of(text: str) -> str:
    """The two-letter code of a text's language; `unknown` where it is none that can be told.

    A text of which a third or more of the letters are of another script is of that script's language; where
    several languages write the script, its letters and small words tell. Otherwise it is the language that
    most of its small words belong to, of those that write its letters, if it has two that English lacks; or
    the only one that writes them. Nothing that may be English is of another language.
    """
    text = text[:_SEEN].lower()
    letters = _LETTER.findall(text)
    for name, pattern in _SCRIPT_PATTERNS.items():
        found = pattern.findall(text)
        if 3 * len(found) >= max(1, len(letters)):
            return _of_script(name, text, found)
    words = _WORD.findall(text)
    foreign = {one for one in letters if not one.isascii()}
    counts = _count(words, "latin", foreign)
    best, rivals = _best(counts)
    english = sum(word in _WORDS_OF["en"] for word in words)
    if counts[best] >= _FEWEST and (counts[best] - english >= _FEWEST or counts[best] >= 3 * max(1, english)):
        return UNKNOWN if rivals else best
    rival = counts[best] if foreign else 0
    if (
        len(words) <= _NAME
        or any(map(_is_english, words))
        or english >= max(_FEWEST, rival)
        or english > rival
    ):
        return DEFAULT
    if foreign and (len(counts) == 1 or (counts[best] > english and not rivals)):
        return best
    return UNKNOWN if foreign or len(words) >= _SENTENCE else DEFAULT


def _is_english(word: str) -> bool:
    return word.endswith("ing") or not _ENGLISH.isdisjoint(
        (word, *(word.removesuffix(one) for one in ("s", "es", "ed")))
    )


def _of_script(name: str, text: str, letters: list[str]) -> str:
    if name == "han":
        return "ja" if 10 * len(_KANA.findall(text)) >= len(letters) else "zh"
    if name == "devanagari":
        return "mr" if re.search(r"\b(?:आहे|आहेत|आणि)\b|ळ", text) else "hi"
    if name not in _LETTERS:
        return name
    signs = {one for one in letters if _LETTER.match(one)}
    counts = _count(_WORD.findall(text), name, signs)
    best, rivals = _best(counts)
    return UNKNOWN if rivals or not counts else best


def _count(words: list[str], script: str, letters: set[str]) -> Counter[str]:
    """Small words and endings by language, of those that write all letters of a text."""
    able = [one for one, written in _LETTERS[script].items() if letters <= set(written)]
    return Counter({one: sum(_is_word_of(word, one) for word in words) for one in able})


def _is_word_of(word: str, language: str) -> bool:
    return word in _WORDS_OF[language] or (len(word) > 4 and word.endswith(_ENDINGS.get(language, ())))


def _best(counts: Counter[str]) -> tuple[str, bool]:
    """The language of most words, the first by name; and whether another has as many."""
    if not counts:
        return UNKNOWN, False
    best = max(sorted(counts), key=counts.__getitem__)
    return best, list(counts.values()).count(counts[best]) > 1


_WORDS_OF = {language: frozenset(words.split()) for language, words in _WORDS.items()}
