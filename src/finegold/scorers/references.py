"""The images that a text is compared with, to tell what stands out for one image from what fits all."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.errors import ConfigError
from finegold.scorers.base import Corpus
from finegold.scorers.statements import smallest_hashes

REFERENCES = 512
"""Number of reference images: those of the rows whose ids have the smallest hashes."""
FEWEST = 8
FEWEST_OF_SOURCE = 100
"""Images of a source from which on its rows can be compared with these alone."""


@dataclass(frozen=True)
class References:
    """Images of the dataset, the same ones for every row.

    Attributes:
        ids: Ids of their rows.
        images: Unit embeddings, shape (r, d).
    """

    ids: tuple[str, ...]
    images: Floats

    @classmethod
    def of(cls, corpus: Corpus, scorer: str) -> "References":
        """Choose them.

        Raises:
            ConfigError: If the corpus has no embeddings, or fewer than 8 rows have an image.
        """
        vectors, there = _with_image(corpus, scorer)
        if len(there) < FEWEST:
            raise ConfigError(
                f"the scorer '{scorer}' compares images with one another and {len(there)} rows have one: "
                f"give it at least {FEWEST}, or use another preset"
            )
        return cls._among(corpus, vectors, there)

    @classmethod
    def by_source(cls, corpus: Corpus, scorer: str) -> "dict[str, References]":
        """Choose them for each source that has at least 100 rows with an image.

        Raises:
            ConfigError: If the corpus has no embeddings.
        """
        vectors, there = _with_image(corpus, scorer)
        rows: dict[str, list[int]] = defaultdict(list)
        for row in there.tolist() if corpus.sources else ():
            rows[corpus.sources[row]].append(row)
        return {
            source: cls._among(corpus, vectors, np.array(found, np.int64))
            for source, found in rows.items()
            if len(found) >= FEWEST_OF_SOURCE
        }

    @classmethod
    def _among(cls, corpus: Corpus, vectors: Vectors, rows: Ints) -> "References":
        ids = [corpus.ids[row] for row in rows.tolist()]
        chosen = smallest_hashes(ids, REFERENCES)
        return cls(tuple(ids[row] for row in chosen), unit(vectors[rows[chosen]].astype(np.float64)))

    @cached_property
    def place(self) -> dict[str, int]:
        """Position of each row among them."""
        return {key: at for at, key in enumerate(self.ids)}

    def cosines(self, texts: Floats, sample_id: str | None = None) -> Floats:
        """Cosines of texts, shape (t, d), with all of them but the row's own, shape (t, r)."""
        cosines: Floats = unit(texts) @ self.images.T
        at = self.place.get(sample_id) if sample_id is not None else None
        return cosines if at is None else np.delete(cosines, at, axis=1)

    def standing(self, texts: Floats, image: Floats, sample_id: str) -> Floats:
        """How far the image, shape (d,), stands out for each text, in spreads, shape (t,): 0 is chance."""
        return self.standings(texts, image, sample_id)[0]

    def standings(self, texts: Floats, image: Floats, sample_id: str) -> tuple[Floats, Floats]:
        """How far the image stands out for each text, and how far the best of the others does."""
        cosines = self.cosines(texts, sample_id)
        mean, spread = cosines.mean(axis=1), np.maximum(cosines.std(axis=1), 1e-6)
        own = unit(texts) @ unit(image[None])[0]
        return (own - mean) / spread, (cosines.max(axis=1) - mean) / spread


def _with_image(corpus: Corpus, scorer: str) -> tuple[Vectors, Ints]:
    """The embeddings, and the rows that have one."""
    vectors = corpus.image_embeddings
    if vectors is None:
        raise ConfigError(f"the scorer '{scorer}' got a dataset without image embeddings: embed the images")
    return vectors, np.flatnonzero(np.isfinite(vectors).all(axis=1))


def unit(vectors: Floats) -> Floats:
    """Rows scaled to length 1; a row of zeros stays."""
    scaled: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return scaled
