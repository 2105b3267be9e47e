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
from itertools import pairwise
from math import log
from statistics import fmean, median
from typing import NamedTuple

from finegold.samples import Pair, Sample
from finegold.samples.words import split_words
from finegold.scorers.base import Batch, Context, Score, ScoreBatch, Scorer, fold
from finegold.scorers.registry import SCORERS
from finegold.scorers.statements import Forms, smallest_hashes

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
    answers have too little in common to tell. A row with several turns has the value of its weakest answer.

    Attributes:
        short: Whether answers of a few words ("Yes", "In the snow") count, which hardly have an order; those
            to questions that most rows answer at length (see `statements`) count in any case. A row of short
            ones only is then skipped.
    """

    name = "phrasing"
    version = "6"
    by_turn = True
    requires = frozenset({"answer"})
    label = "Phrasing"

    short: bool = True

    def prepare(self, context: Context) -> ScoreBatch:
        """Count the words and pairs of words of the dataset's answers."""
        corpus = context.corpus
        rows = list(range(len(corpus.ids)))
        if len(rows) > MOST_ROWS:
            rows = smallest_hashes(corpus.ids, MOST_ROWS)
        forms = None if self.short else Forms.learn([corpus.pairs[row] for row in rows])

        def counting(pairs: Sequence[Pair]) -> list[bool]:
            return [forms is None or not forms.is_short(pair) for pair in pairs]

        def words(pairs: Sequence[Pair]) -> list[list[str]]:
            counts = counting(pairs)
            return [split_words(pair.answer) for pair, one in zip(pairs, counts, strict=True) if one]

        model = Bigrams.count({corpus.ids[row]: words(corpus.pairs[row]) for row in rows})
        unclear = [name for name, gain in model.usual._asdict().items() if gain < LEAST]
        remark = f"the answers have too little in common to tell: {', '.join(unclear)}" if unclear else None

        def score(batch: Batch) -> list[Score]:
            return [score_row(sample) for sample in batch.samples]

        def score_row(sample: Sample) -> Score:
            turns = []
            gains_of = iter(model.gains(words(sample.pairs), sample.id))
            for counts in counting(sample.pairs):
                if not counts:
                    turns.append(Score.skipped("a short answer has no phrasing"))
                    continue
                parts = [_share(gain, full) for gain, full in zip(next(gains_of), model.usual, strict=True)]
                turns.append(Score.ok(round(min(parts), 4)))
            folded = fold(turns, "weakest")
            return replace(folded, reason=remark) if folded.status == "ok" else folded

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
        words: Count of each word, END once an answer.
        firsts: Count of the pairs that each word begins.
        pairs: Count of each pair.
        followers: Number of different words that come after each word.
        counted: Ids of the rows.
        total: Sum of `words`.
        usual: Medians over the answers.
    """

    words: Mapping[str, int]
    firsts: Mapping[str, int]
    pairs: Mapping[tuple[str, str], int]
    followers: Mapping[str, int]
    counted: frozenset[str]
    total: int
    usual: AnswerGains = NOTHING

    @classmethod
    def count(cls, answers: Mapping[str, Sequence[Sequence[str]]]) -> "Bigrams":
        """Count the words of the answers of rows, by id."""
        words: Counter[str] = Counter()
        firsts: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for row in answers.values():
            for answer in map(_padded, row):
                words.update(answer[1:])
                firsts.update(answer[:-1])
                pairs.update(pairwise(answer))
        followers = Counter(first for first, _ in pairs)
        model = cls(words, firsts, pairs, followers, frozenset(answers), words.total())
        gains = [gain for key, row in answers.items() for gain in model.gains(row, key)] or [NOTHING]
        return replace(model, usual=AnswerGains(*map(median, zip(*gains, strict=True))))

    def gains(self, answers: Sequence[Sequence[str]], sample_id: str) -> list[AnswerGains]:
        """Gains of a row's answers, with the counts of the row taken out; 0 and 0 for one without words."""
        out = list(map(_padded, answers)) if sample_id in self.counted else []
        out_words = Counter(word for answer in out for word in answer[1:])
        out_firsts = Counter(word for answer in out for word in answer[:-1])
        out_pairs = Counter(pair for answer in out for pair in pairwise(answer))
        total = self.total - out_words.total() + len(self.words) + 1

        def gain(first: str, word: str) -> float:
            alone = (self.words.get(word, 0) - out_words[word] + 1) / total
            after = self.firsts.get(first, 0) - out_firsts[first]
            kinds = max(1, self.followers.get(first, 0))
            joint = self.pairs.get((first, word), 0) - out_pairs[first, word]
            return log((joint + kinds * alone) / (after + kinds) / alone)

        found = []
        for words in answers:
            gains = [gain(*pair) for pair in pairwise(_padded(words))]
            found.append(AnswerGains(fmean(gains[:-1]), gains[-1]) if words else NOTHING)
        return found


def _padded(words: Sequence[str]) -> list[str]:
    return [START, *words, END]
