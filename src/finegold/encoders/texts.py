"""Texts for an encoder: windows that it reads whole, and embedding many without doing one twice."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from finegold.arrays import Vectors
from finegold.encoders.base import Encoder

TEXT_BATCH = 64
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


def sentences(text: str) -> list[str]:
    """Split after `.`, `!` or `?` followed by white space, after their full-width forms, and at line ends."""
    return [piece for part in _SENTENCE_END.split(text) if (piece := part.strip())]


def split_windows(
    text: str, count_tokens: Callable[[str], int], max_tokens: int, *, join: bool = True
) -> list[str]:
    """Split a text into windows of at most `max_tokens` tokens, nothing left out but white space.

    Args:
        text: Any text.
        count_tokens: Tokens of a text, markers included.
        max_tokens: What the tower reads; more than its markers take.
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


def embed_texts(encoder: Encoder, texts: Sequence[str], batch_size: int = TEXT_BATCH) -> Vectors:
    """Embed texts, each distinct one once, batches of similar length together.

    Returns:
        Raw embeddings in the order of `texts`, shape (n, d).
    """
    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    vectors = np.empty((len(distinct), encoder.dim), np.float32)
    for start in range(0, len(distinct), batch_size):
        batch = distinct[start : start + batch_size]
        vectors[start : start + len(batch)] = encoder.encode_texts(batch)
    place = {text: index for index, text in enumerate(distinct)}
    return vectors[[place[text] for text in texts]]
