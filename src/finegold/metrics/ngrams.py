"""N-gram counts, which CIDEr and BLEU share."""

from collections import Counter
from collections.abc import Sequence

Ngrams = list[Counter[tuple[str, ...]]]
"""Counts by order: entry 0 holds the words, entry 1 the bigrams."""

ORDERS = 4
"""Longest n-gram of CIDEr and BLEU-4."""


def ngram_counts(tokens: Sequence[str]) -> Ngrams:
    """How often each n-gram of 1 to 4 tokens occurs."""
    return [
        Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))
        for n in range(1, ORDERS + 1)
    ]
