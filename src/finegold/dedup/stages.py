"""The three passes one after the other, cheapest first, each over the rows that still stay."""

from collections.abc import Sequence

import numpy as np

from finegold.arrays import Ints, Vectors
from finegold.dedup.duplicates import Duplicates
from finegold.dedup.exact import exact_duplicates
from finegold.dedup.perceptual import RADIUS, perceptual_duplicates
from finegold.dedup.semantic import THRESHOLD, semantic_duplicates
from finegold.errors import ConfigError


def deduplicate(
    order: Ints,
    *,
    keys: Sequence[str] | None = None,
    hashes: Sequence[int | None] | None = None,
    radius: int = RADIUS,
    embeddings: Vectors | None = None,
    cells: Ints | None = None,
    threshold: float = THRESHOLD,
) -> Duplicates:
    """Remove duplicates and keep the best row of each group.

    Args:
        order: The rows to compare, best first (`best_first`).
        keys: Content keys for the exact pass; None for no such pass.
        hashes: Image hashes for the perceptual pass; None for no such pass.
        radius: Differing bits of the perceptual pass.
        embeddings: Raw embeddings for the semantic pass; None for no such pass.
        cells: Cell of each embedding (`semantic_cells`).
        threshold: Smallest cosine of two duplicates in the semantic pass.

    Raises:
        ConfigError: If there are embeddings without cells: comparing all pairs would be quadratic.
    """
    found = Duplicates.of(order, [], "")
    if keys is not None:
        found = found.then(exact_duplicates(keys, order))
    if hashes is not None:
        left = order[np.isin(order, found.kept)]
        found = found.then(perceptual_duplicates(hashes, left, radius))
    if embeddings is not None:
        if cells is None:
            raise ConfigError(
                "semantic deduplication found embeddings without cells: make them with semantic_cells"
            )
        left = order[np.isin(order, found.kept)]
        found = found.then(semantic_duplicates(embeddings, cells, left, threshold))
    return found
