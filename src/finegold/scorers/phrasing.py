"""Phrasing: do the words follow, and the answer end, as the dataset's other answers make likely?

A bigram model of the dataset's answers, without the row itself (Witten and Bell 1991 smoothing), tells how
much the word before helps to guess the next one, the end of the answer being a word too:

    gain(word) = log( p(word | word before) / p(word) )

Shuffled words and lists of keywords have a mean gain of 0 or less, fluent answers about 1, whatever they are
about: an image encoder, which hardly looks at word order, cannot tell them apart. An answer that was cut off
stops after a word that others go on from, so that its end has a gain below 0. finegold's own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from math import log
from statistics import fmean, median
from typing import NamedTuple

from finegold.samples.words import split_words
from finegold.scorers.base import Batch, Context, Score, ScoreBatch, Scorer
from finegold.scorers.registry import SCORERS

MOST_ROWS = 50_000
"""Rows that the model is counted on, those of the smallest id hashes: memory stays bounded."""
START, END = "\n", "\n\n"
FULL = 0.45
"""Share of the dataset's median gain from which on an answer counts as well phrased."""
LEAST = 0.2
"""A median gain below this is that of a dataset too small or too mixed to tell."""


@SCORERS.register("phrasing")
@dataclass(frozen=True)
class Phrasing(Scorer):
    """How likely word order and end of the answer are, 0 (shuffled, cut off) to 1 (as in most other answers).

    The lower of two parts, the mean gain of the words and that of the end: each is 0 for a gain of 0 or less
    and rises to 1 at 45 % of the dataset's median. A part counts as 1, with a remark, where the dataset's
    answers have too little in common to tell.
    """

    name = "phrasing"
    version = "2"
    requires = frozenset({"answer"})
    label = "Phrasing"

    def prepare(self, context: Context) -> ScoreBatch:
        """Count the words and pairs of words of the dataset's answers."""
        corpus = context.corpus
        rows = list(range(len(corpus.ids)))
        if len(rows) > MOST_ROWS:
            rows = sorted(rows, key=lambda row: sha256(corpus.ids[row].encode()).digest())[:MOST_ROWS]
        model = Bigrams.count({corpus.ids[row]: corpus.answers[row] for row in rows})
        unclear = [name for name, gain in model.usual._asdict().items() if gain < LEAST]
        remark = f"the answers have too little in common to tell: {', '.join(unclear)}" if unclear else None

        def score(batch: Batch) -> list[Score]:
            scores = []
            for sample in batch.samples:
                gains = model.gains(split_words(sample.answer), sample.id)
                parts = [_share(gain, full) for gain, full in zip(gains, model.usual, strict=True)]
                scores.append(Score.ok(round(min(parts), 4), remark))
            return scores

        return score


def _share(gain: float, usual: float) -> float:
    return 1.0 if usual < LEAST else min(1.0, max(0.0, gain / (FULL * usual)))


class AnswerGains(NamedTuple):
    """Mean gain of an answer's words, and the gain of its end."""

    order: float
    end: float


NOTHING = AnswerGains(0.0, 0.0)


@dataclass(frozen=True)
class Bigrams:
    """Counts of words, of pairs of words and of different words after each, START and END among them.

    Attributes:
        words: Count of each word, END once a row.
        firsts: Count of the pairs that each word begins.
        pairs: Count of each pair.
        followers: Number of different words that come after each word.
        counted: Ids of the rows.
        total: Sum of `words`.
        usual: Medians over the rows.
    """

    words: Mapping[str, int]
    firsts: Mapping[str, int]
    pairs: Mapping[tuple[str, str], int]
    followers: Mapping[str, int]
    counted: frozenset[str]
    total: int
    usual: AnswerGains = NOTHING

    @classmethod
    def count(cls, answers: Mapping[str, str]) -> "Bigrams":
        """Count answers by id."""
        words: Counter[str] = Counter()
        firsts: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for answer in answers.values():
            row = [START, *split_words(answer), END]
            words.update(row[1:])
            firsts.update(row[:-1])
            pairs.update(pairwise(row))
        followers = Counter(first for first, _ in pairs)
        model = cls(words, firsts, pairs, followers, frozenset(answers), words.total())
        gains = [model.gains(split_words(answer), key) for key, answer in answers.items()] or [NOTHING]
        return replace(model, usual=AnswerGains(*map(median, zip(*gains, strict=True))))

    def gains(self, words: Sequence[str], sample_id: str) -> AnswerGains:
        """Gains of an answer, with the counts of its row taken out; 0 and 0 without words."""
        if not words:
            return NOTHING
        row = [START, *words, END]
        out = row if sample_id in self.counted else []
        out_words, out_firsts, out_pairs = Counter(out[1:]), Counter(out[:-1]), Counter(pairwise(out))
        total = self.total - len(out[1:]) + len(self.words) + 1
        gains = []
        for first, word in pairwise(row):
            alone = (self.words.get(word, 0) - out_words[word] + 1) / total
            after = self.firsts.get(first, 0) - out_firsts[first]
            kinds = max(1, self.followers.get(first, 0))
            joint = self.pairs.get((first, word), 0) - out_pairs[first, word]
            gains.append(log((joint + kinds * alone) / (after + kinds) / alone))
        return AnswerGains(fmean(gains[:-1]), gains[-1])
