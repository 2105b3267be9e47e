"""Support: does the image bear out every sentence of the answer?

The cosine of an image and a sentence is hard to read: some sentences fit many images a little, and encoders
differ in scale. So each sentence's cosine is held against its cosines with other images of the dataset:

    z(sentence) = (cos(image, sentence) - mean over others) / spread over others

A sentence that says nothing ("There are some things in this image.") fits all images alike and gets about 0;
one of another image gets 0 or less; a true and specific one 2 to 4. The row's value is that of its weakest
sentence, so that one right sentence does not carry four wrong ones. finegold's own; `clip` is a mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np

from finegold.arrays import Floats
from finegold.encoders import Encoder, embed_groups
from finegold.errors import ConfigError
from finegold.samples.words import count_words, sentences
from finegold.scorers.base import Batch, Context, Corpus, Score, ScoreBatch, Scorer
from finegold.scorers.registry import SCORERS

REFERENCES = 512
"""Images that a sentence is held against: those whose ids have the smallest hashes."""
FEWEST = 8
SHORT = 3
"""A piece of fewer words is no sentence of its own ("Mr."), and goes with the one before."""


@SCORERS.register("support")
@dataclass(frozen=True)
class Support(Scorer):
    """How far the weakest sentence stands out for its own image, in spreads; 0 is chance, `cap` the most.

    A sample with several images is held against their mean; one without an image is skipped.

    Attributes:
        encoder: Name for `load_encoder`.
        cap: Beyond this many spreads more says nothing about an answer.
        dtype: Precision of the encoder.
    """

    name = "support"
    version = "1"
    requires = frozenset({"answer", "image_embedding"})
    uses_encoder = True
    label = "Support of the weakest sentence"
    value_unit = "spreads"

    encoder: str = "openai/clip-vit-large-patch14"
    cap: float = 2.5
    dtype: str = "auto"

    def identity(self, context: Context) -> dict[str, Any]:
        """What the encoder's numbers depend on."""
        return context.encoder(self.encoder, self.dtype).identity()

    def prepare(self, context: Context) -> ScoreBatch:
        """Choose the images that sentences are held against, and load the encoder.

        Raises:
            ConfigError: If fewer than 8 rows have an image.
        """
        references = _References.of(context.corpus)
        encoder = context.encoder(self.encoder, self.dtype)
        encoder.load()
        return partial(self._score_batch, encoder, references)

    def _score_batch(self, encoder: Encoder, references: "_References", batch: Batch) -> list[Score]:
        if batch.image_embeddings is None:
            raise ConfigError("the scorer 'support' needs a batch with image embeddings: embed the images")
        pieces = [
            [part for piece in whole_sentences(sample.answer) for part in encoder.windows(piece)]
            if sample.images
            else []
            for sample in batch.samples
        ]
        scores = []
        for sample, image, texts in zip(
            batch.samples, batch.image_embeddings, embed_groups(encoder, pieces), strict=True
        ):
            if sample.images:
                found = references.stand_out(sample.id, image.astype(np.float64), texts.astype(np.float64))
                scores.append(Score.ok(round(min(float(found.min()), self.cap), 4)))
            else:
                scores.append(Score.skipped("the row has no image"))
        return scores


@dataclass(frozen=True)
class _References:
    """Ids and unit embeddings, shape (r, d), of the images that sentences are held against."""

    ids: Sequence[str]
    vectors: Floats

    @classmethod
    def of(cls, corpus: Corpus) -> "_References":
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
        rows = sorted(there.tolist(), key=lambda row: sha256(corpus.ids[row].encode()).digest())[:REFERENCES]
        return cls([corpus.ids[row] for row in rows], _unit(corpus.image_embeddings[rows].astype(np.float64)))

    def stand_out(self, sample_id: str, image: Floats, texts: Floats) -> Floats:
        """The z of each text for the image, which is left out of the others; shape (texts,)."""
        texts = _unit(texts)
        cosines = texts @ self.vectors.T
        if sample_id in self.ids:
            cosines = np.delete(cosines, self.ids.index(sample_id), axis=1)
        spread = np.maximum(cosines.std(axis=1), 1e-6)
        z: Floats = (texts @ _unit(image[None])[0] - cosines.mean(axis=1)) / spread
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
