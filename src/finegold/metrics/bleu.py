"""BLEU-4 of a corpus (Papineni et al. 2002) against the closest reference length, as COCO has it."""

from collections.abc import Sequence

import numpy as np

from finegold.arrays import Floats
from finegold.metrics.cider import ORDERS, Tokens, check_references, ngram_counts
from finegold.statistics import Measure

# COCO's smoothing constants: a precision of 0/0 counts as almost 0 and not as an error.
_TINY, _SMALL = 1e-15, 1e-9


def bleu4(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Measure:
    """Corpus BLEU-4 in [0, 1].

    Args:
        candidates: One tokenised caption an image.
        references: The tokenised references of each image, at least one.

    Returns:
        A measure whose statistics are the clipped matches and the n-grams of orders 1 to 4, the caption's
        length and the closest reference length (the shorter one of two that are equally close). Its value
        equals `pycocoevalcap.bleu.bleu.Bleu(4)` on the same tokens.

    Raises:
        DataError: If an image has no reference, or the two differ in length.
    """
    check_references(candidates, references)
    rows = [_statistics(*pair) for pair in zip(candidates, references, strict=True)]
    return Measure("BLEU-4", np.asarray(rows, dtype=np.float64).reshape(-1, 2 * ORDERS + 2), _combine)


def _statistics(candidate: Tokens, references: Sequence[Tokens]) -> list[float]:
    counted = [ngram_counts(reference) for reference in references]
    matches = [
        sum(min(count, max(ngrams[n][gram] for ngrams in counted)) for gram, count in order.items())
        for n, order in enumerate(ngram_counts(candidate))
    ]
    grams = [max(0, len(candidate) - n) for n in range(ORDERS)]
    closest = min((len(reference) for reference in references), key=lambda n: (abs(n - len(candidate)), n))
    return [*matches, *grams, len(candidate), closest]


def _combine(sums: Floats) -> Floats:
    matches, grams = sums[:, :ORDERS], sums[:, ORDERS : 2 * ORDERS]
    precision: Floats = np.prod((matches + _TINY) / (grams + _SMALL), axis=1) ** (1 / ORDERS)
    ratio = (sums[:, -2] + _TINY) / (sums[:, -1] + _SMALL)
    brevity: Floats = np.exp(np.minimum(0.0, 1 - 1 / ratio))
    return precision * brevity
