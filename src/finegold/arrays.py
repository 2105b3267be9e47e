"""Array types that the whole project shares."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
"""Indicators, qualities, distances."""
Vectors = npt.NDArray[np.float32]
"""Embeddings, shape (n, d)."""
Ints = npt.NDArray[np.int64]
"""Row indices, labels, quotas."""
Flags = npt.NDArray[np.bool_]
"""One truth a row."""
