"""Support: does the image bear out every sentence of the answer?

The cosine of an image and a sentence is hard to read: some sentences fit many images a little, and encoders
differ in scale. So each sentence's cosine is compared with its cosines with other images of the dataset:

    z(sentence) = (cos(image, sentence) - mean over others) / spread over others

A sentence that says nothing ("There are some things in this image.") fits all images alike and gets about 0;
one of another image gets 0 or less; a true and specific one 2 to 4. The row's value is that of its weakest
sentence, so that one right sentence does not carry four wrong ones. finegold's own; `clip` is a mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from finegold.arrays import Floats
from finegold.encoders import Encoder
from finegold.errors import ConfigError
from finegold.samples import Sample
from finegold.samples.words import whole_sentences
from finegold.scorers.base import Context, Corpus, Score, ScoreBatch
from finegold.scorers.image_text import ImageTextScorer
from finegold.scorers.registry import SCORERS

REFERENCES = 512
"""Images that a sentence is compared with: those whose ids have the smallest hashes."""
FEWEST = 8


@SCORERS.register("support")
@dataclass(frozen=True)
class Support(ImageTextScorer):
    """How far the weakest sentence stands out for the row's image, in spreads; 0 is chance, `cap` the most.

    A sample with several images is compared by their mean; one without an image is skipped.

    Attributes:
        cap: Largest value; more spreads say nothing more about an answer.
    """

    name = "support"
    version = "1"
    label = "Support of the weakest sentence"
    value_unit = "spreads"

    cap: float = 2.5

    def prepare(self, context: Context) -> ScoreBatch:
        """Choose the images that sentences are compared with, and load the encoder.

        Raises:
            ConfigError: If fewer than 8 rows have an image.
        """
        ids, references = _references(context.corpus)
        place = {key: row for row, key in enumerate(ids)}

        def score(_: Encoder, sample: Sample, __: list[str], image: Floats, texts: Floats) -> Score:
            texts = _unit(texts)
            cosines = texts @ references.T
            if sample.id in place:
                cosines = np.delete(cosines, place[sample.id], axis=1)
            spread = np.maximum(cosines.std(axis=1), 1e-6)
            z = (texts @ _unit(image[None])[0] - cosines.mean(axis=1)) / spread
            return Score.ok(round(min(float(z.min()), self.cap), 4))

        return self.score_pieces(context, score)

    def pieces(self, encoder: Encoder, answer: str) -> list[str]:
        """The answer's sentences, each in windows of the text tower."""
        return [part for piece in whole_sentences(answer) for part in encoder.windows(piece)]


def _references(corpus: Corpus) -> tuple[Sequence[str], Floats]:
    """Ids and unit embeddings, shape (r, d), of the images that sentences are compared with."""
    if corpus.image_embeddings is None:
        raise ConfigError("the scorer 'support' got a dataset without image embeddings: embed the images")
    there = np.flatnonzero(np.isfinite(corpus.image_embeddings).all(axis=1))
    if len(there) < FEWEST:
        raise ConfigError(
            f"the scorer 'support' compares images with one another and {len(there)} rows have one: "
            f"give it at least {FEWEST}, or use another preset"
        )
    rows = sorted(there.tolist(), key=lambda row: sha256(corpus.ids[row].encode()).digest())[:REFERENCES]
    return [corpus.ids[row] for row in rows], _unit(corpus.image_embeddings[rows].astype(np.float64))


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
