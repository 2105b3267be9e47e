"""What the indicators share that compare the pieces of an answer with the image."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from finegold.arrays import Floats
from finegold.encoders import Encoder, embed_groups, embed_texts
from finegold.errors import ConfigError
from finegold.samples import Pair, Sample
from finegold.scorers.base import (
    NO_IMAGE,
    Batch,
    Context,
    Corpus,
    FoldRule,
    Score,
    ScoreBatch,
    Scorer,
    fold,
    no_answer,
)
from finegold.scorers.references import References
from finegold.scorers.statements import MOST_ROWS, Forms, smallest_hashes

ScorePieces: TypeAlias = Callable[[Sample, Pair, list[str], Floats, Floats], Score]
"""Scores a sample's pair by its pieces, the image embedding (d,) and the pieces' (pieces, d), float64."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What an indicator of statements learns from the dataset before the first row.

    Attributes:
        corpus: The usable rows, or a sample of them.
        references: The images that a text is compared with.
        encoder: The encoder, loaded.
        rows: Rows that it learns from: those of the smallest id hashes.
        forms: What answers to like questions look like in these rows.
    """

    corpus: Corpus
    references: References
    encoder: Encoder
    rows: Sequence[int]
    forms: Forms

    def embed(self, texts: Sequence[str]) -> Floats:
        """Raw embeddings of texts, shape (n, d)."""
        return embed_texts(self.encoder, texts).astype(np.float64)


@dataclass(frozen=True)
class EncoderScorer(Scorer):
    """Base of the indicators that compare a row with its image by an encoder.

    Several images are represented by their mean embedding; a sample without an image is skipped.

    Attributes:
        encoder: Name for `load_encoder`.
        dtype: Precision of the encoder.
    """

    requires = frozenset({"answer", "image_embedding"})
    uses_encoder = True

    encoder: str = "openai/clip-vit-large-patch14"
    dtype: str = "auto"

    def identity(self, context: Context) -> dict[str, Any]:
        """What the encoder's numbers depend on."""
        return context.encoder(self.encoder, self.dtype).identity()

    def learn(self, context: Context) -> Learnt:
        """Load the encoder, choose the images to compare with, and learn what answers look like.

        Raises:
            ConfigError: If fewer than 8 rows have an image.
        """
        corpus = context.corpus
        references = References.of(corpus, self.name)
        encoder = context.encoder(self.encoder, self.dtype)
        encoder.load()
        rows = smallest_hashes(corpus.ids, MOST_ROWS)
        forms = Forms.learn([corpus.pairs[row] for row in rows])
        return Learnt(corpus, references, encoder, rows, forms)

    def images_of(self, batch: Batch) -> tuple[Floats, list[Score | None]]:
        """The image embeddings of a batch, shape (n, d), and why a row cannot be scored; None if it can."""
        if batch.image_embeddings is None:
            raise ConfigError(
                f"the scorer '{self.name}' got a batch without image embeddings: embed the images"
            )
        images = batch.image_embeddings.astype(np.float64)
        against: list[Score | None] = []
        for sample, image in zip(batch.samples, images, strict=True):
            if not sample.images:
                against.append(Score.skipped(NO_IMAGE))
            elif not np.isfinite(image).all():
                against.append(Score.failed("the image has no embedding"))
            else:
                against.append(None)
        return images, against


@dataclass(frozen=True)
class ImageTextScorer(EncoderScorer):
    """Base of the indicators that compare the pieces of each answer with the image.

    Each turn is compared alone; `fold_rule` says how the values of a row's turns become one.
    """

    by_turn = True
    fold_rule: ClassVar[FoldRule]

    @abstractmethod
    def pieces(self, encoder: Encoder, pair: Pair) -> list[str]:
        """The texts that the answer of a pair is compared by, at least one."""

    def reason_against(self, sample: Sample, pair: Pair) -> str | None:
        """Why a turn of a row is not judged; None if it is."""
        return no_answer(pair)

    def score_pieces(self, context: Context, score: ScorePieces) -> ScoreBatch:
        """Load the encoder; the function that scores a batch embeds each distinct piece of it once."""
        encoder = context.encoder(self.encoder, self.dtype)
        encoder.load()

        def score_batch(batch: Batch) -> list[Score]:
            images, against = self.images_of(batch)
            pairs = [
                (row, pair)
                for row, sample in enumerate(batch.samples)
                for pair in sample.pairs
                if against[row] is None and self.reason_against(sample, pair) is None
            ]
            texts = [self.pieces(encoder, pair) for _, pair in pairs]
            vectors = [group.astype(np.float64) for group in embed_groups(encoder, texts)]
            judged = iter(
                score(batch.samples[row], pair, text, images[row], vector)
                for (row, pair), text, vector in zip(pairs, texts, vectors, strict=True)
            )
            scores = []
            for sample, reason in zip(batch.samples, against, strict=True):
                if reason is not None:
                    scores.append(reason)
                    continue
                reasons = [self.reason_against(sample, pair) for pair in sample.pairs]
                turns = [next(judged) if one is None else Score.skipped(one) for one in reasons]
                scores.append(fold(turns, self.fold_rule))
            return scores

        return score_batch
