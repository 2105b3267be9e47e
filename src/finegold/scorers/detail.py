"""Detail: how much an answer says, however long it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log1p

from finegold.samples import Sample
from finegold.samples.words import split_words
from finegold.scorers.base import Context, Score, ScoreBatch, Scorer, TurnScore
from finegold.scorers.registry import SCORERS


@SCORERS.register("detail")
@dataclass(frozen=True)
class Detail(Scorer):
    """log(1 + distinct words), times the share of its three-word runs that are new; 0 for an empty answer.

    A row with several turns has the detail of all its answers together, where no run goes over the end of a
    turn: many short answers may say as much as a long one, and the same answer twice says nothing more.
    Saying the same again adds no word and lowers the share, so an answer does not win by repeating itself.
    About 2.5 for a short sentence, 3.5 for five. Words of any language are those of `samples.words`.
    finegold's own.
    """

    name = "detail"
    version = "2"
    by_turn = True
    requires = frozenset({"answer"})
    label = "Detail"

    def prepare(self, context: Context) -> ScoreBatch:
        """Nothing to load."""
        return lambda batch: [self._score(sample) for sample in batch.samples]

    def _score(self, sample: Sample) -> Score:
        answers = [split_words(pair.answer) for pair in sample.pairs]
        turns = tuple(TurnScore(round(detail([answer]), 6)) for answer in answers)
        return replace(Score.ok(round(detail(answers), 6)), turns=turns)


def detail(answers: Sequence[Sequence[str]]) -> float:
    """The score of the words of some answers together."""
    runs = [run for words in answers for run in zip(words, words[1:], words[2:], strict=False)]
    new = len(set(runs)) / len(runs) if runs else 1.0
    return log1p(len({word for words in answers for word in words})) * new
