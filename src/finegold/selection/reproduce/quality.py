"""`mm-lima` as a quality function: the released selector's score from named columns."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from finegold.arrays import Floats
from finegold.errors import ConfigError
from finegold.selection.reproduce.published import FEATURES
from finegold.selection.reproduce.selector import read_selector

_TEN_FOLD = frozenset({"reward", "length"})


def mm_lima_quality(columns: Mapping[str, Floats], checkpoint: Path) -> Floats:
    """Score a pool with a selector in the published layout.

    The score means something only where the features mean what they meant in training: the indicators of the
    paper, and the six leading PCA axes of its image (bigG) and text (Llama-2 7B) embeddings. Those axes are
    not published, and flipping their signs alone changes most of the selection, so no column is guessed.

    Args:
        columns: Indicator name to shape (n,), at least the 16 of `FEATURES`, unscaled, no NaN.
        checkpoint: File with the selector's tensors.

    Returns:
        Shape (n,). A row's score depends on the whole pool, as published.

    Raises:
        ConfigError: If a column is missing, or a value is.
        ModelError: If the checkpoint cannot be used.
    """
    missing = [name for name in FEATURES if name not in columns]
    if missing:
        raise ConfigError(
            f"the preset 'mm-lima' lacks the columns {', '.join(missing)}: it needs the 16 columns "
            f"{', '.join(FEATURES)} as they were made for the published selector, so for other data use "
            "'sound', or 'learned' with measured subsets of your own"
        )
    features = np.stack([(10.0 if name in _TEN_FOLD else 1.0) * columns[name] for name in FEATURES], axis=1)
    if not np.isfinite(features).all():
        rows = int((~np.isfinite(features)).any(axis=1).sum())
        raise ConfigError(
            f"the preset 'mm-lima' found {rows} rows without a value in one of its 16 columns: "
            "exclude them first"
        )
    return read_selector(checkpoint).score(features)
