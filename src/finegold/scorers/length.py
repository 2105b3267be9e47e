"""Length of the answer: the cheapest indicator, and among the strongest of the paper's ablation."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from finegold.errors import ConfigError, did_you_mean
from finegold.samples import Pair
from finegold.samples.words import count_words_and_marks
from finegold.scorers.base import Context, Score, ScoreBatch, Scorer, score_pairs
from finegold.scorers.registry import SCORERS

Unit = Literal["characters", "tokens"]
LONGEST_CAPTION = 1009
"""Characters of the longest caption of MiniGPT-4's alignment set; the paper's scale is 0 to 10 there."""


@SCORERS.register("length")
@dataclass(frozen=True)
class Length(Scorer):
    """Length of the answers, the sum over a row's turns.

    Attributes:
        unit: `characters`: 10 * characters / 1009, the scale of InstructionGPT-4 (arXiv 2308.12067), not
            capped at 10; characters of the composed form (NFC). `tokens`: a count of words and punctuation
            marks, see `count_words_and_marks`.
    """

    name = "length"
    version = "2"
    by_turn = True
    requires = frozenset({"answer"})
    label = "Length score"

    unit: Unit = "characters"

    def __post_init__(self) -> None:
        """Refuse an unknown unit."""
        if self.unit not in get_args(Unit):
            hint = did_you_mean(self.unit, get_args(Unit))
            raise ConfigError(
                f"length has no unit '{self.unit}'{hint}: give one of {', '.join(get_args(Unit))}"
            )

    def prepare(self, context: Context) -> ScoreBatch:
        """Count the characters or the tokens of each answer; 0 for an empty one."""
        return lambda batch: score_pairs(batch.samples, self._score, "sum")

    def _score(self, pairs: Sequence[Pair]) -> list[Score]:
        return [Score.ok(self._length(pair.answer)) for pair in pairs]

    def _length(self, answer: str) -> float:
        return (
            count_words_and_marks(answer)
            if self.unit == "tokens"
            else 10 * _characters(answer) / LONGEST_CAPTION
        )


def _characters(text: str) -> int:
    return len(text) if text.isascii() else len(unicodedata.normalize("NFC", text))
