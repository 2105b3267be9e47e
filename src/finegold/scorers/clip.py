"""CLIP score: how well the answer's sentences fit the image (after Hessel et al. 2021, arXiv 2104.08718)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from finegold.arrays import Floats
from finegold.encoders import Encoder, embed_texts, load_encoder
from finegold.errors import ConfigError
from finegold.samples.words import count_words
from finegold.scorers.base import Batch, Column, Score
from finegold.scorers.registry import NOT_IN_FINGERPRINT

Mode = Literal["paper", "whole"]
PAPER_PIECES = 10


@dataclass(frozen=True, slots=True)
class Clip:
    """100 times the mean cosine between the image and the pieces of the answer; about -100 to 100.

    A sample with several images is scored against their mean embedding; one without an image is skipped.

    Attributes:
        encoder: Name for `load_encoder`.
        mode: `paper` as the released code of InstructionGPT-4 (arXiv 2308.12067) does: the answer split on
            ".", first ten pieces, the empty one after the last full stop among them, plain mean, 4 decimals;
            a piece beyond the text tower's length is cut. `whole`: all of the answer in windows that the
            tower reads whole, weighted by their words and punctuation marks.
        dtype: Precision of the encoder.
        device: Where it runs; not part of the fingerprint.
    """

    name: ClassVar[str] = "clip"
    version: ClassVar[str] = "1"
    requires: ClassVar[frozenset[Column]] = frozenset({"answer", "image_embedding"})

    encoder: str = "openai/clip-vit-large-patch14"
    mode: Mode = "paper"
    dtype: str = "auto"
    device: str = field(default="auto", metadata=NOT_IN_FINGERPRINT)

    def __post_init__(self) -> None:
        """Refuse an unknown mode."""
        if self.mode not in get_args(Mode):
            raise ConfigError(f"clip has no mode '{self.mode}': give one of {', '.join(get_args(Mode))}")

    def identity(self) -> dict[str, Any]:
        """What the numbers depend on beside the parameters: the encoder's weights."""
        return self._encoder().identity()

    def load(self) -> None:
        """Load the encoder."""
        self._encoder().load()

    def _encoder(self) -> Encoder:
        return load_encoder(self.encoder, device=self.device, dtype=self.dtype)

    def score(self, batch: Batch) -> list[Score]:
        """One Score a sample, repeated sentences embedded once.

        Raises:
            ConfigError: If the batch has no image embeddings.
        """
        if batch.image_embeddings is None:
            raise ConfigError("the scorer 'clip' needs a batch with image embeddings, and this one has none")
        encoder = self._encoder()
        answers = [
            sample.answer if sample.images and np.isfinite(image).all() else None
            for sample, image in zip(batch.samples, batch.image_embeddings, strict=True)
        ]
        pieces = [[] if answer is None else self._pieces(encoder, answer) for answer in answers]
        texts = [text for group in pieces for text in group]
        vectors = (
            _unit(embed_texts(encoder, texts).astype(np.float64)) if texts else np.empty((0, encoder.dim))
        )
        ends = np.cumsum([len(group) for group in pieces])
        scores = []
        for index, (sample, answer) in enumerate(zip(batch.samples, answers, strict=True)):
            if not sample.images:
                scores.append(Score.skipped("the row has no image"))
            elif answer is None:
                scores.append(Score.failed("the image has no embedding"))
            else:
                group = vectors[ends[index] - len(pieces[index]) : ends[index]]
                image = _unit(batch.image_embeddings[index].astype(np.float64)[None])[0]
                scores.append(self._score(encoder, answer, pieces[index], image, group))
        return scores

    def _pieces(self, encoder: Encoder, answer: str) -> list[str]:
        if self.mode == "paper":
            return answer.split(".")[:PAPER_PIECES]
        return encoder.windows(answer)

    def _score(
        self, encoder: Encoder, answer: str, pieces: Sequence[str], image: Floats, vectors: Floats
    ) -> Score:
        cosines = vectors @ image
        if self.mode == "paper":
            return Score.ok(round(100 * float(cosines.mean()), 4), _cut(encoder, answer, pieces))
        weights = np.array([max(1, count_words(piece)) for piece in pieces])
        return Score.ok(round(100 * float(np.average(cosines, weights=weights)), 4))


def _unit(vectors: Floats) -> Floats:
    """Rows of length 1; of a row of zeros, which has no direction, NaN."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.where(lengths > 0, lengths, np.nan)
    return unit


def _cut(encoder: Encoder, answer: str, pieces: Sequence[str]) -> str | None:
    """What of the answer the paper's mode did not read."""
    remarks = []
    if (found := answer.count(".") + 1) > PAPER_PIECES:
        remarks.append(f"only the first {PAPER_PIECES} of {found} pieces were read")
    if long := sum(encoder.cuts(piece) for piece in pieces):
        remarks.append(f"{long} of the pieces were cut to what the text tower reads")
    return "; ".join(remarks) or None
