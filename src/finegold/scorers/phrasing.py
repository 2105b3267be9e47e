"""Phrasing: are the words in an order that the other answers of the dataset make likely?

A bigram model of the dataset's answers, without the row itself (Witten and Bell 1991 smoothing), tells how
much the word before helps to guess the next one:

    gain = mean over words of log( p(word | word before) / p(word) )

Shuffled words and lists of keywords have a gain of 0 or less, fluent answers about 1, whatever they are
about: an image encoder, which hardly looks at word order, cannot tell them apart. finegold's own.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from math import log
from statistics import median
from typing import ClassVar

from finegold.errors import ConfigError
from finegold.scorers.base import Batch, Column, Corpus, Score
from finegold.scorers.length import tokens
from finegold.scorers.registry import NOT_IN_FINGERPRINT

MOST_ROWS = 50_000
"""Rows that the model is counted on, those of the smallest id hashes: memory stays bounded."""
START = "\n"
FULL = 0.45
"""Share of the dataset's median gain from which on an answer counts as well phrased."""
LEAST = 0.2
"""A median gain below this is that of a dataset too small or too mixed to tell."""


@dataclass(frozen=True)
class Phrasing:
    """How likely the order of the words is, 0 (shuffled) to 1 (as in most answers of the dataset).

    0 for a gain of 0 or less, rising to 1 at 45 % of the dataset's median gain.

    1 for every row, with a remark, where the dataset's answers have too little in common to tell.
    """

    name: ClassVar[str] = "phrasing"
    version: ClassVar[str] = "1"
    requires: ClassVar[frozenset[Column]] = frozenset({"answer"})

    model: "Bigrams | None" = field(
        default=None, init=False, repr=False, compare=False, metadata=NOT_IN_FINGERPRINT
    )

    def fit(self, corpus: Corpus) -> None:
        """Count the answers' words and pairs of words."""
        rows = list(range(len(corpus.ids)))
        if len(rows) > MOST_ROWS:
            rows = sorted(rows, key=lambda row: sha256(corpus.ids[row].encode()).digest())[:MOST_ROWS]
        object.__setattr__(
            self, "model", Bigrams.count({corpus.ids[row]: corpus.answers[row] for row in rows})
        )

    def load(self) -> None:
        """Nothing to load."""

    def score(self, batch: Batch) -> list[Score]:
        """One number a sample.

        Raises:
            ConfigError: If `fit` was not called.
        """
        if self.model is None:
            raise ConfigError("the scorer 'phrasing' needs `fit` first")
        if self.model.median_gain < LEAST:
            return [Score.ok(1.0, "the answers have too little in common to tell") for _ in batch.samples]
        full = FULL * self.model.median_gain
        gains = (self.model.gain(tokens(sample.answer), sample.id) for sample in batch.samples)
        return [Score.ok(round(min(1.0, max(0.0, gain / full)), 4)) for gain in gains]


@dataclass(frozen=True)
class Bigrams:
    """Counts of words, of words that begin a pair, of pairs, and of different words after each."""

    words: Counter[str]
    firsts: Counter[str]
    pairs: Counter[tuple[str, str]]
    followers: Counter[str]
    counted: frozenset[str]
    total: int
    median_gain: float = 0.0

    @classmethod
    def count(cls, answers: dict[str, str]) -> "Bigrams":
        """Count answers by id."""
        words: Counter[str] = Counter()
        firsts: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for answer in answers.values():
            row = [START, *tokens(answer)]
            words.update(row[1:])
            firsts.update(row[:-1])
            pairs.update(pairwise(row))
        model = cls(
            words, firsts, pairs, Counter(first for first, _ in pairs), frozenset(answers), words.total()
        )
        gains = [model.gain(tokens(answer), key) for key, answer in answers.items()]
        object.__setattr__(model, "median_gain", median(gains) if gains else 0.0)
        return model

    def gain(self, words: Sequence[str], sample_id: str) -> float:
        """Mean log ratio over the words, the row's own counts taken out; 0 without words."""
        if not words:
            return 0.0
        row = [START, *words]
        own = sample_id in self.counted
        own_words, own_firsts = Counter(words if own else ()), Counter(row[:-1] if own else ())
        own_pairs = Counter(pairwise(row) if own else ())
        total = self.total - (len(words) if own else 0) + len(self.words) + 1
        gains = 0.0
        for first, word in pairwise(row):
            alone = (self.words[word] - own_words[word] + 1) / total
            after = self.firsts[first] - own_firsts[first]
            kinds = max(1, self.followers[first])
            joint = self.pairs[first, word] - own_pairs[first, word]
            gains += log((joint + kinds * alone) / (after + kinds) / alone)
        return gains / len(words)
