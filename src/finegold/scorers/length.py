"""Length of the answer: the cheapest indicator, and among the strongest of the paper's ablation."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from finegold.errors import ConfigError
from finegold.samples.words import count_words
from finegold.scorers.base import Batch, Column, Score

Unit = Literal["characters", "tokens"]
LONGEST_CAPTION = 1009
"""Characters of the longest caption of MiniGPT-4's alignment set; the paper's scale is 0 to 10 there."""


@dataclass(frozen=True, slots=True)
class Length:
    """Length of the answer.

    Attributes:
        unit: `characters`: 10 * characters / 1009, the scale of InstructionGPT-4 (arXiv 2308.12067), not
            capped at 10. `tokens`: a count of words and punctuation marks, see `count_words`.
    """

    name: ClassVar[str] = "length"
    version: ClassVar[str] = "1"
    requires: ClassVar[frozenset[Column]] = frozenset({"answer"})

    unit: Unit = "characters"

    def __post_init__(self) -> None:
        """Refuse an unknown unit."""
        if self.unit not in get_args(Unit):
            raise ConfigError(f"length has no unit '{self.unit}': give one of {', '.join(get_args(Unit))}")

    def load(self) -> None:
        """Nothing to load."""

    def score(self, batch: Batch) -> list[Score]:
        """One number a sample, 0 for an empty answer."""
        if self.unit == "tokens":
            return [Score.ok(count_words(sample.answer)) for sample in batch.samples]
        return [Score.ok(10 * len(sample.answer) / LONGEST_CAPTION) for sample in batch.samples]
