"""Support: does the image bear out every sentence of the answer?

The cosine of an image and a sentence is hard to read: some sentences fit many images a little, and encoders
differ in scale. So each sentence's cosine is held against its cosines with other images of the dataset:

    z(sentence) = (cos(image, sentence) - mean over others) / spread over others

A sentence that says nothing ("There are some things in this image.") fits all images alike and gets about 0;
one of another image gets 0 or less; a true and specific one 2 to 4. The row's value is that of its weakest
sentence, so that one right sentence does not carry four wrong ones. finegold's own; `clip` is a mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np

from finegold.arrays import Floats
from finegold.encoders import embed_texts, load_encoder
from finegold.errors import ConfigError
from finegold.samples.words import count_words, sentences
from finegold.scorers.base import Batch, Column, Corpus, Score
from finegold.scorers.registry import NOT_IN_FINGERPRINT

REFERENCES = 512
"""Images that a sentence is held against: those whose ids have the smallest hashes."""
FEWEST = 8
SHORT = 3
"""A piece of fewer words is no sentence of its own ("Mr."), and goes with the one before."""


@dataclass(frozen=True)
class Support:
    """How far the weakest sentence stands out for its own image, in spreads; 0 is chance, `cap` the most.

    A sample with several images is held against their mean; one without an image is skipped.

    Attributes:
        encoder: Name for `load_encoder`.
        cap: Beyond this many spreads more says nothing about an answer.
        dtype: Precision of the encoder.
        device: Where it runs; not part of the fingerprint.
    """

    name: ClassVar[str] = "support"
    version: ClassVar[str] = "1"
    requires: ClassVar[frozenset[Column]] = frozenset({"answer", "image_embedding"})

    encoder: str = "openai/clip-vit-large-patch14"
    cap: float = 2.5
    dtype: str = "auto"
    device: str = field(default="auto", metadata=NOT_IN_FINGERPRINT)
    references: "_References | None" = field(
        default=None, init=False, repr=False, compare=False, metadata=NOT_IN_FINGERPRINT
    )

    def identity(self) -> dict[str, Any]:
        """What the encoder's numbers depend on."""
        return load_encoder(self.encoder, device=self.device, dtype=self.dtype).identity()

    def fit(self, corpus: Corpus) -> None:
        """Choose the images that sentences are held against.

        Raises:
            ConfigError: If fewer than 8 rows have an image.
        """
        if corpus.image_embeddings is None:
            raise ConfigError(
                "the scorer 'support' needs image embeddings of the dataset, and there are none"
            )
        there = np.flatnonzero(np.isfinite(corpus.image_embeddings).all(axis=1))
        if len(there) < FEWEST:
            raise ConfigError(
                f"the scorer 'support' holds images against one another and {len(there)} rows have one: "
                f"give it at least {FEWEST}, or use another preset"
            )
        chosen = sorted(there.tolist(), key=lambda row: sha256(corpus.ids[row].encode()).digest())[
            :REFERENCES
        ]
        vectors = _unit(corpus.image_embeddings[chosen].astype(np.float64))
        object.__setattr__(self, "references", _References([corpus.ids[row] for row in chosen], vectors))

    def load(self) -> None:
        """Load the encoder."""
        load_encoder(self.encoder, device=self.device, dtype=self.dtype).load()

    def score(self, batch: Batch) -> list[Score]:
        """One Score a sample, repeated sentences embedded once.

        Raises:
            ConfigError: If `fit` was not called, or the batch has no image embeddings.
        """
        if self.references is None or batch.image_embeddings is None:
            raise ConfigError("the scorer 'support' needs `fit` and a batch with image embeddings first")
        encoder = load_encoder(self.encoder, device=self.device, dtype=self.dtype)
        pieces = [
            [part for piece in whole_sentences(sample.answer) for part in encoder.windows(piece)]
            if sample.images
            else []
            for sample in batch.samples
        ]
        texts = [text for group in pieces for text in group]
        vectors = (
            _unit(embed_texts(encoder, texts).astype(np.float64)) if texts else np.empty((0, encoder.dim))
        )
        ends = np.cumsum([len(group) for group in pieces])
        scores = []
        for row, (sample, group) in enumerate(zip(batch.samples, pieces, strict=True)):
            if not sample.images:
                scores.append(Score.skipped("the row has no image"))
                continue
            image = _unit(batch.image_embeddings[row].astype(np.float64)[None])[0]
            found = self.references.stand_out(sample.id, image, vectors[ends[row] - len(group) : ends[row]])
            scores.append(Score.ok(round(min(float(found.min()), self.cap), 4)))
        return scores


@dataclass(frozen=True)
class _References:
    """Ids and unit embeddings, shape (r, d), of the images that sentences are held against."""

    ids: Sequence[str]
    vectors: Floats

    def stand_out(self, sample_id: str, image: Floats, texts: Floats) -> Floats:
        """The z of each text for the image, the image itself left out of the others; shape (texts,)."""
        cosines = texts @ self.vectors.T
        if sample_id in self.ids:
            cosines = np.delete(cosines, self.ids.index(sample_id), axis=1)
        spread = np.maximum(cosines.std(axis=1), 1e-6)
        z: Floats = (texts @ image - cosines.mean(axis=1)) / spread
        return z


def whole_sentences(text: str) -> list[str]:
    """Sentences, pieces of under three words joined to the one before; the text itself if it has none."""
    joined: list[str] = []
    for piece in sentences(text):
        if joined and min(count_words(piece), count_words(joined[-1])) < SHORT:
            joined[-1] = f"{joined[-1]} {piece}"
        else:
            joined.append(piece)
    return joined or [text]


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
