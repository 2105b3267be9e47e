"""A 2-D map of embeddings in which similar images lie close together.

t-SNE (van der Maaten and Hinton 2008, JMLR 9) from a PCA start, after Kobak and Berens 2019 (Nature
Communications 10, 5416). Its cost grows faster than linearly, so beyond `LANDMARKS` rows it places an evenly
spaced sample, and every other row goes to its nearest landmarks. A row is compared with the `NEAR` landmarks
about its part of the space, so that ten million rows take minutes and not half an hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering.knn import finite_flags
from finegold.run import TextColumn

LANDMARKS = 5_000
NEAR = 800
"""Landmarks that a row is compared with; all of them if there are no more."""
PARTS = 64
"""Parts of the space; each has its own `NEAR` landmarks."""
_NEAREST = 3
_CHUNK = 16_384


def layout(ids: Sequence[str], embeddings: Vectors, *, seed: int = 0) -> Floats:
    """Place rows on the unit square.

    The result depends on the set of (id, embedding) pairs and the seed, not on their order and not on the
    number of cores: it uses one, for about ten seconds at 3,439 rows. Beside the arrays it needs the memory
    of a few thousand rows.

    Args:
        ids: The n distinct sample ids.
        embeddings: Shape (n, d), raw. A row with a NaN has no place on the map.
        seed: Seed of t-SNE's optimiser.

    Returns:
        Shape (n, 2), in 0..1, one scale for both axes, centred; NaN for rows without an embedding.
    """
    places = np.full((len(ids), 2), np.nan)
    order = TextColumn(ids).order()
    order = order[finite_flags(embeddings)[order]] if len(order) else order
    if len(order) == 0:
        return places
    step = len(order) / min(len(order), LANDMARKS)
    chosen = np.unique((np.arange(min(len(order), LANDMARKS)) * step).astype(np.int64))
    landmarks = order[chosen]
    # First: the limit holds only for libraries that are loaded when it is set.
    import sklearn.manifold  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

    # Sums split over threads round differently, and t-SNE amplifies the last bit into another map.
    with threadpool_limits(limits=1):
        learnt = _Landmarks.of(embeddings[landmarks], seed)
        places[landmarks] = learnt.places
        others = np.delete(order, chosen)
        for start in range(0, len(others), _CHUNK):
            rows = others[start : start + _CHUNK]
            places[rows] = learnt.beside(embeddings[rows])
    return places


@dataclass(frozen=True, slots=True)
class _Landmarks:
    """The rows that t-SNE placed, and how to find those near another row.

    Attributes:
        mean: Shape (d,), float32.
        axes: Shape (d, c), the principal components, float32.
        points: Shape (m, c), the landmarks along them, float32.
        places: Shape (m, 2), in 0..1.
        centres: Shape (parts, c), the middles of the parts of the space.
        near: Shape (parts, NEAR), the landmarks nearest to each.
    """

    mean: Vectors
    axes: Vectors
    points: Vectors
    places: Floats
    centres: Vectors
    near: Ints

    @classmethod
    def of(cls, sample: Vectors, seed: int) -> "_Landmarks":
        mean = sample.mean(axis=0, dtype=np.float64)
        axes = _principal_axes(sample - mean)
        reduced = (sample - mean) @ axes
        points = reduced.astype(np.float32)
        if len(points) <= NEAR:
            centres, near = points[:1], np.arange(len(points))[None, :]
        else:
            from sklearn.cluster import KMeans

            centres = KMeans(PARTS, random_state=seed, n_init=1, max_iter=20).fit(points).cluster_centers_
            near = np.argsort(_squares(centres, points), axis=1, kind="stable")[:, :NEAR]
        places = _unit_square(_tsne(reduced, seed))
        return cls(mean.astype(np.float32), axes.astype(np.float32), points, places, centres, near)

    def beside(self, embeddings: Vectors) -> Floats:
        """The mean place of the landmarks nearest to each row, the nearer the heavier; shape (n, 2)."""
        points: Vectors = ((embeddings - self.mean) @ self.axes).astype(np.float32, copy=False)
        part = np.argmin(_squares(points, self.centres), axis=1)
        found = np.empty((len(points), 2))
        for one in np.unique(part):
            rows = np.flatnonzero(part == one)
            candidates = self.near[one]
            squares = _squares(points[rows], self.points[candidates])
            squares += (points[rows] ** 2).sum(axis=1)[:, None]
            nearest = np.argpartition(squares, _NEAREST, axis=1)[:, :_NEAREST]
            distances = np.take_along_axis(squares, nearest, axis=1).astype(np.float64)
            weights = 1 / np.maximum(distances, 1e-9)
            weights /= weights.sum(axis=1, keepdims=True)
            found[rows] = (weights[:, :, None] * self.places[candidates[nearest]]).sum(axis=1)
        return found


def _squares(points: Vectors, others: Vectors) -> Vectors:
    """Squared distances of points to others, less the squared length of the point."""
    squares: Vectors = points @ (-2 * others.T)
    squares += (others**2).sum(axis=1)
    return squares


def _principal_axes(sample: Floats) -> Floats:
    """Up to 50 principal axes of centred rows, each signed so that its largest loading is positive."""
    # eigh of the smaller Gram matrix: deterministic, and quick for d of a few thousand.
    wide = sample.shape[1] > sample.shape[0]
    _, vectors = np.linalg.eigh(sample @ sample.T if wide else sample.T @ sample)
    vectors = vectors[:, ::-1][:, :50]
    axes = sample.T @ vectors if wide else vectors
    lengths = np.linalg.norm(axes, axis=0)
    axes = axes / np.where(lengths > 0, lengths, 1.0)
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    return axes


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


def _unit_square(places: Floats) -> Floats:
    low, high = places.min(axis=0), places.max(axis=0)
    scale = max(float((high - low).max()), 1e-12)
    unit: Floats = np.clip((places - (low + high) / 2) / scale + 0.5, 0.0, 1.0)
    return unit
