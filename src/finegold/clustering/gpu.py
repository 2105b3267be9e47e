"""Candidates for the nearest rows from a GPU: cuVS compares every pair, and float64 decides here.

cuVS is NVIDIA's library (Apache 2.0), in the extra `cuvs`. Its brute force keeps the rows on the card, four
bytes a number, and gives float32 distances.
"""

import importlib
from importlib.util import find_spec

import numpy as np

from finegold.arrays import Ints, Vectors
from finegold.errors import MissingExtraError, ModelError
from finegold.extras import require


def has_cuvs() -> bool:
    """Whether cuVS is installed and sees a GPU; `CUDA_VISIBLE_DEVICES=""` hides all of them."""
    if find_spec("cuvs") is None or find_spec("cuda") is None:
        return False
    runtime = importlib.import_module("cuda.bindings.runtime")
    try:
        error, cards = runtime.cudaGetDeviceCount()
    except RuntimeError:  # There is no driver.
        return False
    return int(error) == 0 and cards > 0


def nearest_on_gpu(points: Vectors, k: int) -> tuple[Vectors, Ints]:
    """Squared float32 distances (n, k) of the k rows nearest to each row, itself among them, and these rows.

    Args:
        points: Shape (n, d), float32.
        k: At most n.

    Raises:
        MissingExtraError: If cuVS is not installed.
        ModelError: If the GPU cannot do it, for lack of memory or of a driver.
    """
    distances, rows = np.empty((len(points), k), np.float32), np.empty((len(points), k), np.int64)
    try:
        library = require("cuvs.neighbors.all_neighbors", extra="cuvs", why="a neighbour graph on a GPU")
        parameters = library.AllNeighborsParams(algo="brute_force", metric="sqeuclidean")
        library.build(points, k, parameters, indices=rows, distances=distances)
    except MissingExtraError:
        raise
    # Errors of cuVS, of CUDA and of what loads their libraries have no common class.
    except Exception as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0].rpartition("Reason=")[2]
        raise ModelError(
            f"the GPU did not compare {len(points):,} rows of {points.shape[1]:,} numbers ({why}): "
            'set CUDA_VISIBLE_DEVICES="" to search on the processor'
        ) from None
    return distances, rows
