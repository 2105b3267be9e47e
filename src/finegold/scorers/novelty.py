"""Novelty: does an answer go on to say something new, or the same again?"""

from dataclasses import dataclass, field, replace

from finegold.samples import Sample
from finegold.samples.words import count_words, sentences, split_words
from finegold.scorers.base import Context, Score, ScoreBatch, Scorer, TurnScore, no_answer
from finegold.scorers.registry import SCORERS

SENTENCE = 4
"""Words from which on a sentence that comes again is no accident."""
SENTENCES = 4
"""Power of the share of new sentences: a sentence that comes again word by word weighs more than a phrase."""


@SCORERS.register("novelty")
@dataclass(frozen=True)
class Novelty(Scorer):
    """Share of three-word runs that are new, times the share of new sentences to the power of four; 0 to 1.

    All answers of a row are one text: a turn that repeats an earlier one says nothing new. A turn has the
    share of its own runs and sentences that neither it nor an earlier turn has said before. 1 for an answer
    without three words. finegold's own.
    """

    name = "novelty"
    version = "1"
    by_turn = True
    requires = frozenset({"answer"})
    label = "Novelty"

    def prepare(self, context: Context) -> ScoreBatch:
        """Nothing to load."""
        return lambda batch: [self._score(sample) for sample in batch.samples]

    def _score(self, sample: Sample) -> Score:
        turns, said = [], Said()
        for pair in sample.pairs:
            value = round(said.novelty(pair.answer), 6) if pair.answer else None
            turns.append(TurnScore(value, no_answer(pair)))
        return replace(Score.ok(round(novelty(sample.answer), 6)), turns=tuple(turns))


@dataclass
class Said:
    """Runs of three words and sentences that were said so far."""

    runs: set[tuple[str, str, str]] = field(default_factory=set)
    sentences: set[str] = field(default_factory=set)

    def novelty(self, answer: str) -> float:
        """The score of an answer behind what was said; it counts as said then."""
        words = split_words(answer)
        runs = list(zip(words, words[1:], words[2:], strict=False))
        told = [" ".join(split_words(one)) for one in sentences(answer) if count_words(one) >= SENTENCE]
        new_runs = len(set(runs) - self.runs) / len(runs) if runs else 1.0
        new_sentences = len(set(told) - self.sentences) / len(told) if told else 1.0
        self.runs |= set(runs)
        self.sentences |= set(told)
        return float(new_runs * new_sentences**SENTENCES)


def novelty(answer: str) -> float:
    """The score of an answer by itself."""
    return Said().novelty(answer)
