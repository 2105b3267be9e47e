"""A 2-D map of embeddings in which similar images lie close together.

t-SNE (van der Maaten and Hinton 2008, JMLR 9) from a PCA start, after Kobak and Berens 2019 (Nature
Communications 10, 5416). Its cost grows faster than linearly, so beyond `LANDMARKS` rows it places an evenly
spaced sample, and every other row goes to its nearest landmarks.
"""

from collections.abc import Sequence

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.run import TextColumn

LANDMARKS = 5_000
_NEAREST = 3
_CHUNK = 2_048


def layout(ids: Sequence[str], embeddings: Vectors, *, seed: int = 0) -> Floats:
    """Place rows on the unit square.

    The result depends on the set of (id, embedding) pairs and the seed, not on their order and not on the
    number of cores: it uses one, for about ten seconds at 3,439 rows.

    Args:
        ids: The n distinct sample ids.
        embeddings: Shape (n, d), raw. A row with a NaN has no place on the map.
        seed: Seed of t-SNE's optimiser.

    Returns:
        Shape (n, 2), in 0..1, one scale for both axes, centred; NaN for rows without an embedding.
    """
    places = np.full((len(ids), 2), np.nan)
    order = TextColumn(ids).order()
    order = order[np.asarray(np.isfinite(embeddings).all(axis=1))[order]] if len(order) else order
    if len(order) == 0:
        return places
    step = len(order) / min(len(order), LANDMARKS)
    landmarks = np.unique((np.arange(min(len(order), LANDMARKS)) * step).astype(np.int64))
    # First: the limit holds only for libraries that are loaded when it is set.
    import sklearn.manifold  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

    # Sums split over threads round differently, and t-SNE amplifies the last bit into another map.
    with threadpool_limits(limits=1):
        reduced = _principal(embeddings, order, order[landmarks])
        places[order[landmarks]] = _tsne(reduced[landmarks], seed)
    others = np.setdiff1d(np.arange(len(order)), landmarks)
    if len(others):
        places[order[others]] = _beside(reduced[others], reduced[landmarks], places[order[landmarks]])
    return _unit_square(places)


def _principal(embeddings: Vectors, order: Ints, landmarks: Ints) -> Floats:
    """Up to 50 principal components of the landmarks, each signed so that its largest loading is positive."""
    sample = embeddings[landmarks].astype(np.float64)
    mean = sample.mean(axis=0)
    sample -= mean
    # eigh of the smaller Gram matrix: deterministic, and quick for d of a few thousand.
    wide = sample.shape[1] > sample.shape[0]
    _, vectors = np.linalg.eigh(sample @ sample.T if wide else sample.T @ sample)
    vectors = vectors[:, ::-1][:, :50]
    axes = sample.T @ vectors if wide else vectors
    lengths = np.linalg.norm(axes, axis=0)
    axes = axes / np.where(lengths > 0, lengths, 1.0)
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    chunks = [
        (embeddings[order[start : start + _CHUNK]] - mean) @ axes for start in range(0, len(order), _CHUNK)
    ]
    return np.concatenate(chunks)


def _tsne(points: Floats, seed: int) -> Floats:
    start = np.zeros((len(points), 2))
    width = min(2, points.shape[1])
    start[:, :width] = points[:, :width]
    spread = start[:, 0].std()
    # Under a dozen rows have too few neighbours for t-SNE; equal rows have no distances to keep.
    if len(points) < 12 or spread == 0:
        return start
    from sklearn.manifold import TSNE

    tsne = TSNE(
        init=(start / spread * 1e-4).astype(np.float32),
        perplexity=min(30.0, (len(points) - 1) / 3),
        # The map is to look at: these two halve the time, and trustworthiness stays the same to two digits.
        max_iter=500,
        angle=0.7,
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(tsne.fit_transform(points.astype(np.float32)), dtype=np.float64)


def _beside(points: Floats, landmarks: Floats, places: Floats) -> Floats:
    """The mean place of each point's nearest landmarks, the nearer the heavier."""
    squares = (landmarks**2).sum(axis=1)
    found = np.empty((len(points), 2))
    for start in range(0, len(points), _CHUNK):
        chunk = points[start : start + _CHUNK]
        distances = (chunk**2).sum(axis=1)[:, None] - 2 * chunk @ landmarks.T + squares
        nearest = np.argpartition(distances, _NEAREST, axis=1)[:, :_NEAREST]
        weights = 1 / np.maximum(np.take_along_axis(distances, nearest, axis=1), 1e-9)
        weights /= weights.sum(axis=1, keepdims=True)
        found[start : start + _CHUNK] = (weights[:, :, None] * places[nearest]).sum(axis=1)
    return found


def _unit_square(places: Floats) -> Floats:
    low, high = np.nanmin(places, axis=0), np.nanmax(places, axis=0)
    scale = max(float((high - low).max()), 1e-12)
    unit: Floats = np.clip((places - (low + high) / 2) / scale + 0.5, 0.0, 1.0)
    return unit
