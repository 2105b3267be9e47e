"""Numbers and words as all pages and tables show them."""

import math
import re

# Controls, line ends, and marks that turn the direction of the text around them.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def number(value: float) -> str:
    """A number with about three significant digits: `12,300`, `31.4`, `0.0123`, with a proper minus sign."""
    if value == 0:
        return "0"
    if abs(value) >= 1e7 or abs(value) < 1e-4:
        return f"{value:.3g}".replace("-", "−")
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A share in percent with one decimal; `<0.1%` for a smaller one that is not zero."""
    shown = share * 100
    return "<0.1%" if 0 < shown < 0.1 else f"{shown:.1f}%"


def duration(seconds: float) -> str:
    """A time in a fitting unit: `0.4 s`, `41 s`, `3.2 min`, `1.5 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 5970:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:,.1f} h"


def printable(text: str) -> str:
    """Text as one line of valid UTF-8: control characters become spaces, lone surrogates their escapes."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line.encode("utf-8", "backslashreplace").decode("utf-8")


def cut(text: str, limit: int) -> str:
    """Text as one printable line of at most `limit` characters; an ellipsis ends a longer one."""
    text = printable(text)
    return text if len(text) <= limit else text[: max(limit - 1, 1)].rstrip() + "…"
