"""Which words can stand in each other's place, learnt from the words beside them in the dataset's answers.

Two words are alike if the same words stand before and after them. A word's contexts are weighed by positive
pointwise mutual information (Church and Hanks 1990; Bullinaria and Levy 2007), words are compared by cosine.
"Red" is like "green", "man" like "woman": the wrong word of a near miss is one of these.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import log

import numpy as np
from scipy.sparse import csr_matrix

from finegold.samples.words import sentences, split_words

MOST_WORDS = 4_000
"""Words that are compared, the most frequent ones: the cost stays bounded."""
FEWEST = 3
"""Occurrences of a word that is compared."""
FOILS = 8
LEAST = 0.05
"""Least cosine of a word's contexts with a foil's."""
CANDIDATES = 40
STEM = 4
"""Words with so many first letters in common are taken for forms of one word."""
BLOCK = 256
SMALL_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "in",
        "on",
        "with",
        "and",
        "is",
        "are",
        "of",
        "to",
        "at",
        "by",
        "it",
        "its",
        "his",
        "her",
        "their",
        "while",
        "as",
        "over",
        "through",
        "from",
        "for",
        "up",
        "down",
        "that",
        "this",
    ]
)
"""Words that say little about an image; leaving them out saves time."""
START, END = "\n", "\n\n"
WORD = re.compile(r"[^\W\d_]+")
"""What is looked up among the foils, in lower case."""
NO_FOILS = "no word of the answer has foils in the dataset"
"""Why an indicator of foils does not apply to a row or a turn."""


@dataclass(frozen=True)
class WordContexts:
    """The foils of each word.

    Attributes:
        foils: Words that could stand in a word's place, the likest first.
    """

    foils: dict[str, tuple[str, ...]]

    @classmethod
    def learn(cls, answers: Iterable[str]) -> "WordContexts":
        """Count the words and their neighbours."""
        counts: Counter[str] = Counter()
        beside: dict[str, Counter[str]] = defaultdict(Counter)
        for answer in answers:
            for sentence in sentences(answer):
                row = [START, *split_words(sentence), END]
                for before, word, after in zip(row, row[1:], row[2:], strict=False):
                    counts[word] += 1
                    beside[word].update((f"<{before}", f">{after}"))
        contexts: Counter[str] = Counter()
        for found in beside.values():
            contexts.update(found)
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        words = [word for word in ranked if counts[word] >= FEWEST and word.isalpha()][:MOST_WORDS]
        return cls(_foils(words, _ppmi(words, counts, beside, contexts)))


def _ppmi(
    words: list[str], counts: Counter[str], beside: dict[str, Counter[str]], contexts: Counter[str]
) -> "csr_matrix[np.float64]":
    """Unit rows of weighed contexts, one a word."""
    places = {context: at for at, context in enumerate(sorted(contexts))}
    total = contexts.total()
    rows, columns, values = [], [], []
    for at, word in enumerate(words):
        found = []
        for context, count in sorted(beside[word].items()):
            weight = log(count * total / (2 * counts[word] * contexts[context]))
            if weight > 0:
                found.append((places[context], weight))
        length = sum(weight * weight for _, weight in found) ** 0.5
        rows += [at] * len(found)
        columns += [place for place, _ in found]
        values += [weight / length for _, weight in found]
    return csr_matrix((values, (rows, columns)), shape=(len(words), len(places)))


def _foils(words: list[str], matrix: "csr_matrix[np.float64]") -> dict[str, tuple[str, ...]]:
    found = {}
    for start in range(0, len(words), BLOCK):
        # Rounded, so that words that are equally like on paper tie and the more frequent one wins.
        likeness = (matrix[start : start + BLOCK] @ matrix.T).toarray().round(9)
        best = np.argsort(-likeness, axis=1, kind="stable")[:, : CANDIDATES + 1]
        for row, places in enumerate(best):
            word = words[start + row]
            if word in SMALL_WORDS:
                continue
            like = [words[at] for at in places if likeness[row, at] >= LEAST and not _same(words[at], word)]
            if like:
                found[word] = tuple(like[:FOILS])
    return found


def _same(one: str, other: str) -> bool:
    """Whether two words are likely forms of one: such a pair is right or wrong together."""
    return one[:STEM] == other[:STEM] or one.rstrip("s") == other.rstrip("s")
