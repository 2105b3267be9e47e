"""CIDEr and CIDEr-D (Vedantam, Zitnick and Parikh 2015, arXiv 1411.5726), without stemming.

What pycocoevalcap, the COCO caption server, LVLM-eHub and lmms-eval print as CIDEr is CIDEr-D: the counts of
the candidate are clipped to those of the reference, and a Gaussian of the difference in length is a factor.
They take the number of bigrams for the length, and so does this.

The inverse document frequencies come from the references of all images that are scored together, so a value
depends on the set, and one image alone always has 0.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

import numpy as np

from finegold.arrays import Floats
from finegold.errors import DataError

SIGMA = 6.0
"""Width of CIDEr-D's length penalty, in bigrams."""

ORDERS = 4
"""Longest n-gram of CIDEr and BLEU-4."""

Tokens = Sequence[str]
Ngrams = list[Counter[tuple[str, ...]]]
"""Counts by order: entry 0 holds the words, entry 1 the bigrams."""
_Weights = list[dict[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class _Vector:
    weights: _Weights
    norms: list[float]
    length: int


def cider_d(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Floats:
    """CIDEr-D of each image, in [0, 10]; the set's is their mean.

    Args:
        candidates: One tokenised caption an image.
        references: The tokenised references of each image, at least one.

    Returns:
        Shape (n,). Equal to `pycocoevalcap.cider.cider.Cider` on the same tokens.

    Raises:
        DataError: If an image has no reference, or the two differ in length.
    """
    return _scores(candidates, references, clip=True, sigma=SIGMA)


def cider(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Floats:
    """CIDEr of each image, in [0, 10]: no clipping and no length penalty (equations 2 and 3), times 10.

    Arguments, shape and errors are those of `cider_d`.
    """
    return _scores(candidates, references, clip=False, sigma=math.inf)


def _scores(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], *, clip: bool, sigma: float
) -> Floats:
    check_references(candidates, references)
    scored = CiderReferences(references, clip=clip, sigma=sigma)
    return np.array([scored.score(row, candidate) for row, candidate in enumerate(candidates)], dtype=float)


class CiderReferences:
    """References to score captions against; the rarity of an n-gram comes from all of them."""

    def __init__(
        self, references: Sequence[Sequence[Tokens]], *, clip: bool = True, sigma: float = SIGMA
    ) -> None:
        """Count the n-grams of the references.

        Args:
            references: The tokenised references of each image, at least one.
            clip: Whether counts are clipped to those of the reference, as in CIDEr-D.
            sigma: Width of the length penalty, in bigrams; infinite for none.
        """
        counted = [[ngram_counts(reference) for reference in group] for group in references]
        images = Counter(
            gram for group in counted for gram in {g for ngrams in group for order in ngrams for g in order}
        )
        # An n-gram without a reference counts like one that a single image has.
        self._unseen = math.log(len(references)) if references else 0.0
        self._rarity = {gram: self._unseen - math.log(found) for gram, found in images.items()}
        self._vectors = [[_vector(ngrams, self._rarity, self._unseen) for ngrams in g] for g in counted]
        self._clip, self._sigma = clip, sigma

    def score(self, image: int, tokens: Tokens) -> float:
        """The score of a caption of the image at this place, in [0, 10]."""
        mine = _vector(ngram_counts(tokens), self._rarity, self._unseen)
        group = self._vectors[image]
        total = sum(_similarity(mine, theirs, self._clip, self._sigma) for theirs in group)
        return 10.0 * total / (ORDERS * len(group))


def check_references(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> None:
    """Check that each candidate has references.

    Raises:
        DataError: If not.
    """
    if len(candidates) != len(references) or not all(references):
        raise DataError(
            f"{len(candidates)} captions cannot be scored against {len(references)} lists of references, "
            f"of which {sum(not group for group in references)} are empty: each caption needs at least one "
            "reference"
        )


def ngram_counts(tokens: Tokens) -> Ngrams:
    """How often each n-gram of 1 to 4 tokens occurs."""
    return [
        Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))
        for n in range(1, ORDERS + 1)
    ]


def _vector(ngrams: Ngrams, rarity: dict[tuple[str, ...], float], unseen: float) -> _Vector:
    weights = [{gram: count * rarity.get(gram, unseen) for gram, count in order.items()} for order in ngrams]
    norms = [math.sqrt(sum(w * w for w in order.values())) for order in weights]
    return _Vector(weights, norms, sum(ngrams[1].values()))


def _similarity(mine: _Vector, theirs: _Vector, clip: bool, sigma: float) -> float:
    """Sum over the orders of the cosine between the two."""
    total = 0.0
    for ours, other, norm in zip(
        mine.weights, theirs.weights, map(mul, mine.norms, theirs.norms), strict=True
    ):
        if norm:
            shared = ((weight, other[gram]) for gram, weight in ours.items() if gram in other)
            total += sum((min(one, two) if clip else one) * two for one, two in shared) / norm
    return total * math.exp(-((mine.length - theirs.length) ** 2) / (2 * sigma**2))
