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
    passes = []
    if keys is not None:
        passes.append(exact_duplicates(keys, order))
        order = order[np.isin(order, passes[-1].kept)]
    if hashes is not None:
        passes.append(perceptual_duplicates(hashes, order, radius))
        order = order[np.isin(order, passes[-1].kept)]
    if embeddings is not None:
        if cells is None:
            raise ConfigError(
                "semantic deduplication found embeddings without cells: make them with semantic_cells"
            )
        passes.append(semantic_duplicates(embeddings, cells, order, threshold))
        order = order[np.isin(order, passes[-1].kept)]
    return Duplicates(
        np.sort(order),
        np.concatenate([one.removed for one in passes] or [np.empty(0, dtype=np.int64)]),
        np.concatenate([one.because_of for one in passes] or [np.empty(0, dtype=np.int64)]),
        np.concatenate([one.distance for one in passes] or [np.empty(0)]),
        tuple(method for one in passes for method in one.method),
    )
