"""ROUGE-L (Lin 2004), as COCO's caption evaluation has it."""

from collections.abc import Sequence

import numpy as np

from finegold.arrays import Floats
from finegold.metrics.cider import Tokens, check_references

BETA = 1.2
"""Weight of recall against precision."""


def rouge_l(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Floats:
    """ROUGE-L of each image, in [0, 1]; the set's is their mean.

    F of the best precision and the best recall, which may come from different references.

    Args:
        candidates: One tokenised caption an image.
        references: The tokenised references of each image, at least one.

    Returns:
        Shape (n,). Equal to `pycocoevalcap.rouge.rouge.Rouge` on the same tokens; an empty caption has 0.

    Raises:
        DataError: If an image has no reference, or the two differ in length.
    """
    check_references(candidates, references)
    return np.asarray([_score(*pair) for pair in zip(candidates, references, strict=True)], dtype=np.float64)


def _score(candidate: Tokens, references: Sequence[Tokens]) -> float:
    common = [_longest_common_subsequence(candidate, reference) for reference in references]
    if not any(common):
        return 0.0
    precision = max(common) / len(candidate)
    recall = max(
        length / len(reference) for length, reference in zip(common, references, strict=True) if reference
    )
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _longest_common_subsequence(first: Tokens, second: Tokens) -> int:
    row = [0] * (len(second) + 1)
    for token in first:
        diagonal = 0
        for column, other in enumerate(second, 1):
            above = row[column]
            row[column] = diagonal + 1 if token == other else max(above, row[column - 1])
            diagonal = above
    return row[-1]
