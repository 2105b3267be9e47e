"""What a scorer is: a frozen dataclass that turns a batch of samples into one Score each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from PIL import Image

from finegold.arrays import Vectors
from finegold.samples import Sample

Status = Literal["ok", "skipped", "failed"]
Column = Literal["answer", "instruction", "image", "image_embedding"]


@dataclass(frozen=True, slots=True)
class Score:
    """One indicator of one sample. A failure is a null with a reason, never a number.

    Attributes:
        value: Finite when `status` is `ok`, else None.
        status: `ok`; `skipped` when the indicator does not apply to the row; `failed` when it broke on it.
        reason: One sentence unless `ok`; an `ok` score may carry a remark ("answer cut at 512 tokens").
    """

    value: float | None
    status: Status
    reason: str | None = None

    @classmethod
    def ok(cls, value: float, remark: str | None = None) -> "Score":
        """A number. A value that is not finite becomes a failure that says so."""
        if value != value or value in (float("inf"), float("-inf")):
            return cls(None, "failed", f"the scorer returned {value}")
        return cls(float(value), "ok", remark)

    @classmethod
    def skipped(cls, reason: str) -> "Score":
        """The indicator does not apply: a text-only row has no CLIP score."""
        return cls(None, "skipped", reason)

    @classmethod
    def failed(cls, reason: str) -> "Score":
        """The indicator applies and could not be computed."""
        return cls(None, "failed", reason)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive usable samples, with the columns that the scorer asked for.

    Attributes:
        samples: In dataset order.
        images: Only if `image` is required: each sample's first image, decoded to RGB; None if it has none.
        image_embeddings: Only if `image_embedding` is required: shape (n, d), un-normalised, the mean over a
            sample's images; a row of NaN where the sample has no image.
    """

    samples: Sequence[Sample]
    images: Sequence[Image.Image | None] | None = None
    image_embeddings: Vectors | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """All usable rows of a dataset, for a scorer that judges a row beside the others.

    Attributes:
        ids: The n sample ids, in dataset order; what such a scorer learns may not depend on the order.
        answers: Of each row.
        image_embeddings: Only if `image_embedding` is required: as in `Batch`, shape (n, d).
    """

    ids: Sequence[str]
    answers: Sequence[str]
    image_embeddings: Vectors | None = None


@runtime_checkable
class Scorer(Protocol):
    """One indicator: a frozen dataclass whose fields are its parameters and its fingerprint.

    Optional methods: `fit(corpus: Corpus) -> None`, called once before the first batch, for a scorer that
    judges a row beside the others; `identity() -> dict`, what the numbers depend on besides the fields, such
    as hashes of weights.

    Attributes:
        name: The column's name in tables, weights and reports.
        version: Changed whenever the same input would give other numbers.
        requires: What `score` reads. `image_embedding` makes the run embed the images first, with the encoder
            that the scorer names in its field `encoder`.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    requires: ClassVar[frozenset[Column]]

    def load(self) -> None:
        """Load what is heavy. Called once, before the first batch; raises ModelError if it cannot be had."""

    def score(self, batch: Batch) -> list[Score]:
        """One Score a sample, in order. A row's score may not depend on the rest of the batch."""
