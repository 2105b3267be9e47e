"""Whether an answer is a yes or a no."""

import re
from typing import Literal

from finegold.samples.words import count_words

MOST_WORDS = 3
_YES_WORDS = "yes|yeah|yep|true|sí|ja|oui|sì|sim|да|是的?|有|はい"
_YES = re.compile(rf"^\W*({_YES_WORDS})(?!\w)", re.IGNORECASE)
_NO = re.compile(r"^\W*(no|nope|false|nein|non|não|nee|нет|不是|否|没有|いいえ)(?!\w)", re.IGNORECASE)
BEGINS_WITH_YES = rf"(?i)^[^\pL\pN_]*({_YES_WORDS})([^\pL\pN_]|$)"
"""`_YES` for Arrow, whose `\\w` is ASCII and which has no look-ahead."""


def yes_or_no(answer: str) -> Literal["yes", "no"] | None:
    """What an answer of up to three words begins with: `yes`, `no` or, if it is neither, None."""
    # Words are counted last: most answers are long, and begin with neither.
    found: Literal["yes", "no"] | None = "yes" if _YES.match(answer) else "no" if _NO.match(answer) else None
    return found if found and count_words(answer) <= MOST_WORDS else None
