"""Novelty: does an answer go on to say something new, or the same again?"""

from dataclasses import dataclass

from finegold.samples.words import sentences, split_words
from finegold.scorers.base import Context, Score, ScoreBatch, Scorer
from finegold.scorers.registry import SCORERS
from finegold.scorers.statements import word_count

SENTENCE = 4
"""Words from which on a sentence that comes again is no accident."""
SENTENCES = 4
"""Power of the share of new sentences: a sentence that comes again word by word weighs more than a phrase."""


@SCORERS.register("novelty")
@dataclass(frozen=True)
class Novelty(Scorer):
    """Share of three-word runs that are new, times the share of new sentences to the power of four; 0 to 1.

    All answers of a row are one text: a turn that repeats an earlier one says nothing new. 1 for an answer
    without three words. finegold's own.
    """

    name = "novelty"
    version = "1"
    requires = frozenset({"answer"})
    label = "Novelty"

    def prepare(self, context: Context) -> ScoreBatch:
        """Nothing to load."""
        return lambda batch: [Score.ok(round(novelty(sample.answer), 6)) for sample in batch.samples]


def novelty(answer: str) -> float:
    """The score of an answer."""
    words = split_words(answer)
    runs = list(zip(words, words[1:], words[2:], strict=False))
    said = [" ".join(split_words(one)) for one in sentences(answer) if word_count(one) >= SENTENCE]
    new_runs = len(set(runs)) / len(runs) if runs else 1.0
    new_sentences = len(set(said)) / len(said) if said else 1.0
    return float(new_runs * new_sentences**SENTENCES)
