"""What a scorer is: parameters, and a function of a batch that it prepares for one run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeAlias

from PIL import Image

from finegold.arrays import Vectors
from finegold.encoders import Encoder, load_encoder
from finegold.errors import ConfigError
from finegold.llm import Session, session_from
from finegold.models import Model, load_model
from finegold.models.prefix import Parts
from finegold.samples import Pair, Sample
from finegold.samples.images import decode, decoded_bytes

Status = Literal["ok", "skipped", "failed"]
FoldRule = Literal["weakest", "mean", "sum"]
Column = Literal["answer", "instruction", "image", "image_embedding"]

SHOWN = 384 << 20
"""Bytes of decoded images that a scorer is shown at a time; a part with more is scored in several batches."""
NO_ANSWER = "there is no answer"
"""Why an indicator of answers does not apply to a row or a turn."""
NO_IMAGE = "the row has no image"
"""Why an indicator of images does not apply to a row."""
NOT_IN_FINGERPRINT: Mapping[str, bool] = {"fingerprint": False}
"""Metadata of a scorer's field on which the numbers do not depend."""
ABOVE_0: Mapping[str, int] = {"least": 1}
"""Metadata of a scorer's field whose smallest value is 1."""


class TurnScore(NamedTuple):
    """One indicator of one (question, answer) pair; no value has a reason, a number may have a remark.

    `sentences` holds the values of the answer's sentences, those of `whole_sentences`, in order, and None for
    one that does not count; empty if the indicator does not judge them one by one.
    """

    value: float | None
    reason: str | None = None
    sentences: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """One indicator of one sample. A failure is a null with a reason, never a number.

    Attributes:
        value: Finite when `status` is `ok`, else None.
        status: `ok`; `skipped` when the indicator does not apply to the row; `failed` when it broke on it.
        reason: One sentence unless `ok`; an `ok` score may carry a remark ("answer cut at 512 tokens").
        turns: Values of `Sample.pairs`, in order, if the indicator judges them one by one.
        sentences: Of the score of one turn, the values of its sentences: see `TurnScore`.
    """

    value: float | None
    status: Status
    reason: str | None = None
    turns: tuple[TurnScore, ...] = field(default=(), compare=False)
    sentences: tuple[float | None, ...] = field(default=(), compare=False)

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


def fold(turns: Sequence[Score], rule: FoldRule) -> Score:
    """The score of a row from those of its turns.

    A turn that failed makes the row fail; a turn to which the indicator does not apply does not count.

    Args:
        turns: One score a (question, answer) pair, in order.
        rule: `weakest` takes the smallest value; `mean` and `sum` those of the values.
    """
    kept = tuple(TurnScore(turn.value, turn.reason, turn.sentences) for turn in turns)
    values = [turn.value for turn in turns if turn.value is not None]
    for status in ("failed", "skipped"):
        found = [(number, turn) for number, turn in enumerate(turns, 1) if turn.status == status]
        if found and (status == "failed" or not values):
            number, turn = found[0]
            return Score(None, status, _of_turn(turn.reason, number, len(turns)), kept)
    if not values:
        return Score.skipped(NO_ANSWER)
    remarks = [
        _of_turn(turn.reason, number, len(turns))
        for number, turn in enumerate(turns, 1)
        if turn.status == "ok" and turn.reason
    ]
    value = min(values) if rule == "weakest" else sum(values) / (len(values) if rule == "mean" else 1)
    return replace(Score.ok(value, "; ".join(filter(None, remarks)) or None), turns=kept)


def _of_turn(reason: str | None, number: int, turns: int) -> str | None:
    return reason if reason is None or turns == 1 else f"turn {number}: {reason}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive usable samples, with the columns that the scorer requires.

    Attributes:
        samples: The samples, in dataset order.
        images: Only if `image` is required: each sample's first image, decoded to RGB; None if it has none.
        image_embeddings: Only if `image_embedding` is required: shape (n, d), un-normalised, the mean over a
            sample's images; a row of NaN where the sample has no image.
    """

    samples: Sequence[Sample]
    images: Sequence[Image.Image | None] | None = None
    image_embeddings: Vectors | None = None

    def take(self, rows: Sequence[int]) -> "Batch":
        """The samples of these rows, in their order."""
        return Batch(
            [self.samples[row] for row in rows],
            None if self.images is None else [self.images[row] for row in rows],
            None if self.image_embeddings is None else self.image_embeddings[list(rows)],
        )


@dataclass(frozen=True, slots=True)
class Corpus:
    """The usable rows of a dataset, for a scorer that judges a row beside the others; of many, a sample.

    A sample holds the rows whose ids have the smallest hashes: see `corpus.read_corpus`.

    Attributes:
        ids: The n sample ids, in dataset order; what a scorer learns may not depend on the order.
        pairs: Questions and answers of each row: `Sample.pairs`.
        image_embeddings: Only if `image_embedding` is required: as in `Batch`, shape (n, d).
        sources: Where each row comes from, `Sample.source`; empty if that does not matter.
    """

    ids: Sequence[str]
    pairs: Sequence[Sequence[Pair]]
    image_embeddings: Vectors | None = None
    sources: Sequence[str] = ()


def _no_corpus() -> Corpus:
    raise ConfigError("the scorer judges a row beside the others: give its context a function `read_corpus`")


def _no_samples(number: int) -> Sequence[Sample]:
    raise ConfigError(
        f"the scorer compares a row with {number} others: give its context a function `fixed_samples`"
    )


@dataclass(frozen=True)
class Context:
    """What a scorer may use while it scores one dataset. Nothing here changes a number beyond rounding.

    As a context manager it closes what the scorer opened.

    Attributes:
        device: Device of models: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        workers: Threads that decode images; the cores of the process if None.
        retry: Whether calls whose replies could not be read are sent again, instead of being read from a
            cache.
        read_corpus: Reads the usable rows; called at most once.
        fixed_samples: Gives so many usable rows with an image, those whose ids have the smallest hashes.
        features: Folder where a model may keep image features, so that they are computed once for all its
            indicators; None keeps none.
        losses: Folder where the losses of answers by a scorer's model are kept, likewise; None keeps none.
        parts: Projection and other parts of a model that is put together.
        open_session: Gives endpoint, limits, cache and audit of calls to a model; called at most once.
        opened: The session once it was needed. Copies of a context share it, so that its limits hold for all
            calls together.
        exit: Callbacks of what is to be closed after the last batch.
        notes: Lines for the user, such as what calls have cost.
    """

    device: str = "auto"
    workers: int | None = None
    retry: bool = False
    read_corpus: Callable[[], Corpus] = _no_corpus
    fixed_samples: Callable[[int], Sequence[Sample]] = _no_samples
    features: Path | None = None
    losses: Path | None = None
    parts: Parts = field(default_factory=Parts)
    open_session: Callable[[], Session] = session_from
    opened: list[Session] = field(default_factory=list, repr=False)
    exit: ExitStack = field(default_factory=ExitStack)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def corpus(self) -> Corpus:
        """All usable rows of the dataset."""
        return self.read_corpus()

    @property
    def session(self) -> Session:
        """Endpoint, limits, cache and audit of calls to a model."""
        if not self.opened:
            self.opened.append(self.open_session())
        return self.opened[0]

    def encoder(self, name: str, dtype: str = "auto") -> Encoder:
        """The encoder of a name on the context's device, its weights not loaded."""
        return load_encoder(name, device=self.device, dtype=dtype)

    def model(self, name: str, dtype: str = "auto") -> Model:
        """The model of a name on the context's device, its weights not loaded; see `load_model`."""
        return load_model(
            name,
            device=self.device,
            dtype=dtype,
            session=lambda: self.session,
            features=self.features,
            parts=self.parts,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.exit.close()


ScoreBatch: TypeAlias = Callable[[Batch], list[Score]]
"""Gives one Score a sample, in order. A row's score may not depend on the rest of the batch."""


def score_pairs(
    samples: Sequence[Sample],
    score: Callable[[Sequence[Pair]], Sequence[Score]],
    rule: FoldRule,
    reason_against: Callable[[Pair], str | None] = lambda _: None,
) -> list[Score]:
    """Score the (question, answer) pairs of samples, all of them together, and fold those of each sample.

    Args:
        samples: The samples.
        score: Gives one score a pair, in order; called once, with the pairs to which the indicator applies.
        rule: How the turns of a row are folded: see `fold`.
        reason_against: Why the indicator does not apply to a pair; None if it does.
    """
    pairs = [pair for sample in samples for pair in sample.pairs]
    reasons = [reason_against(pair) for pair in pairs]
    found = iter(score([pair for pair, reason in zip(pairs, reasons, strict=True) if reason is None]))
    scores = iter([next(found) if reason is None else Score.skipped(reason) for reason in reasons])
    return [fold([next(scores) for _ in sample.pairs], rule) for sample in samples]


def no_answer(pair: Pair) -> str | None:
    """The reason against a pair whose answer has no text."""
    return None if pair.answer else NO_ANSWER


def first_image(sample: Sample) -> Image.Image | str | None:
    """The first image, decoded to RGB; None if the sample has none, or why it cannot be used."""
    try:
        return decode(sample.images[0]) if sample.images else None
    except Exception as error:
        return str(error) or type(error).__name__


def runs_of_images(samples: Sequence[Sample], most: int | None = None) -> Iterator[tuple[int, int]]:
    """Start and end of runs of samples whose first images take `SHOWN` bytes, or of one that takes more.

    Args:
        samples: The samples; only the headers of their images are read.
        most: Largest number of samples of a run; None for no limit.
    """
    start = held = 0
    for row, sample in enumerate(samples):
        size = decoded_bytes(sample.images[0]) if sample.images else 0
        if row > start and (held + size > SHOWN or row - start == most):
            yield start, row
            start, held = row, 0
        held += size
    if samples:
        yield start, len(samples)


class Scorer(ABC):
    """One indicator: a frozen dataclass whose fields are its parameters and its fingerprint.

    Attributes:
        name: The column's name in tables, weights and reports.
        version: Changed whenever the same input would give other numbers.
        requires: What a batch must hold. `image_embedding` makes the run embed the images first, with the
            encoder that the scorer names in its field `encoder`.
        by_turn: Whether its scores tell the value of each turn, which a second table keeps.
        automatic: Whether a selection that names the indicator computes it by itself; False for one that
            needs a further model, an endpoint or money.
        uses_encoder: Whether it has a field `encoder`, which a run sets to its encoder.
        uses_endpoint: Whether it calls an endpoint, by the context's session.
        label: What reports call it; the name if empty.
        value_unit: Unit of the values in reports; empty if they have none.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    requires: ClassVar[frozenset[Column]]
    by_turn: ClassVar[bool] = False
    automatic: ClassVar[bool] = True
    uses_encoder: ClassVar[bool] = False
    uses_endpoint: ClassVar[bool] = False
    label: ClassVar[str] = ""
    value_unit: ClassVar[str] = ""

    @abstractmethod
    def prepare(self, context: Context) -> ScoreBatch:
        """Load models and learn from the corpus, where needed; called once, before the first batch.

        Raises:
            ModelError: If a model cannot be loaded.
        """

    def identity(self, context: Context) -> dict[str, Any] | None:
        """What the numbers depend on besides the fields, such as hashes of weights; None for nothing else."""
        return None
