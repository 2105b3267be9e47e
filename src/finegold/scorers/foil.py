"""Foil: does the image prefer each word of the answer to words that could stand in its place?

A fluent near miss ("a girl with a red ball" for a boy) moves the cosine of its sentence too little to be
seen. So the words are tried one by one. Foils of a word are words that the dataset's answers use in the same
contexts (see `contexts`), but for those that the row's own answers say too.

How far an image stands out for a word, z, tells more of some words ("dog") than of others ("large"). That is
learnt from the dataset: d is how far the images of rows that say the word stand out for it on average. z is
taken as normal around d where the word is true and around 0 where it is not, so that

    gain(word) = log( p(z | true) / p(z | not) ) = d z - d² / 2

A word is preferred by its gain less that of its foils, which is the logarithm of their mean likelihood ratio,
each weighed by how many rows say it. A word of which images tell nothing has a gain of 0. finegold's own;
foils as a test of models: Shekhar et al. 2017 (arXiv 1705.01359).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from typing import NamedTuple

import numpy as np

from finegold.arrays import Floats
from finegold.samples import Sample
from finegold.scorers.base import Batch, Context, Score, ScoreBatch, TurnScore, no_answer
from finegold.scorers.contexts import NO_FOILS, WORD, WordContexts
from finegold.scorers.image_text import EncoderScorer, Learnt
from finegold.scorers.references import unit
from finegold.scorers.registry import SCORERS
from finegold.scorers.statements import Statement

SHARPNESS = 2.0
"""Factor of d: the rows that it is learnt from are wrong at times and tell too little of a word."""
PRIOR_ROWS = 3
"""Rows with d of 0 that are counted with a word's own, so that a rare word tells little."""
MOST = 50.0
"""Bound of a gain either way, so that its exponential is a number."""


class Preference(NamedTuple):
    """How much the image prefers a word to its foils, in natural logarithms, and the best of these."""

    word: str
    foil: str
    value: float


@SCORERS.register("foil")
@dataclass(frozen=True)
class Foil(EncoderScorer):
    """How much the image prefers the answer's words to their foils, 0 to 1; 0.5 is no preference.

    p / (1 + p), where 1 / p is the mean over the words of exp(-preference): one word that does not fit weighs
    most. A turn has the value of its own words. Short answers have no foils here: `evidence` compares them
    with others'. Rows without an image are skipped, and rows in which no word has foils.
    """

    name = "foil"
    version = "5"
    by_turn = True
    label = "Preference of the image for the words over their foils"

    def prepare(self, context: Context) -> ScoreBatch:
        """Learn which words can stand in each other's place, and what an image tells of each.

        Raises:
            ConfigError: If fewer than 8 rows have an image.
        """
        learnt = self.learn(context)
        forms = learnt.forms
        sentences = {row: forms.sentences(learnt.corpus.pairs[row]) for row in learnt.rows}
        contexts = WordContexts.learn(one.text for found in sentences.values() for one in found)
        said = {row: _words(found) for row, found in sentences.items()}
        words = SeenWords.learn(learnt, contexts.foils, said)

        def score_batch(batch: Batch) -> list[Score]:
            images, against = self.images_of(batch)
            return [
                reason or _score(sample, words, image, forms.sentences(sample.pairs))
                for sample, image, reason in zip(batch.samples, unit(images), against, strict=True)
            ]

        return score_batch


@dataclass(frozen=True)
class SeenWords:
    """What an image tells of each word that has foils or is one.

    Attributes:
        foils: The foils of each word.
        place: Position of each word in what follows.
        vectors: Unit embeddings of the words, shape (w, d).
        usual: Mean cosine of each word with the reference images, shape (w,).
        spread: Standard deviation of these cosines, shape (w,).
        total: Sum of the words' standing z over the images of the rows that say them, shape (w,).
        rows: Number of these rows, shape (w,).
        counted: Ids of all rows that it was learnt from.
    """

    foils: Mapping[str, Sequence[str]]
    place: Mapping[str, int]
    vectors: Floats
    usual: Floats
    spread: Floats
    total: Floats
    rows: Floats
    counted: frozenset[str]

    @classmethod
    def learn(
        cls, learnt: Learnt, foils: Mapping[str, Sequence[str]], said: Mapping[int, Sequence[str]]
    ) -> "SeenWords":
        """Embed the words alone, and see how far the images of rows that say them stand out for them."""
        words = sorted({*foils, *(foil for found in foils.values() for foil in found)})
        vectors = unit(learnt.embed(words)) if words else np.zeros((0, learnt.references.images.shape[1]))
        cosines = vectors @ learnt.references.images.T
        usual, spread = cosines.mean(axis=1), np.maximum(cosines.std(axis=1), 1e-6)
        nothing = np.zeros(len(words))
        place = {word: at for at, word in enumerate(words)}
        empty = cls(foils, place, vectors, usual, spread, nothing, nothing, frozenset())
        total, rows, counted = nothing.copy(), nothing.copy(), set()
        corpus = learnt.corpus
        for row, found in said.items():
            image = None if corpus.image_embeddings is None else corpus.image_embeddings[row]
            if image is None or not np.isfinite(image).all():
                continue
            places = sorted({place[word] for word in found if word in place})
            total[places] += empty.standing(places, unit(image[None].astype(np.float64))[0])
            rows[places] += 1
            counted.add(corpus.ids[row])
        return cls(foils, place, vectors, usual, spread, total, rows, frozenset(counted))

    def standing(self, places: Sequence[int], image: Floats) -> Floats:
        """How far an image, shape (d,), stands out for words, in spreads over the reference images."""
        z: Floats = (self.vectors[places] @ image - self.usual[places]) / self.spread[places]
        return z

    def preferences(self, sample_id: str, image: Floats, said: Sequence[str]) -> dict[str, Preference]:
        """The preference of a row's image for each word with foils that its answers say.

        The row itself does not count in what its words usually tell.
        """
        own = {word for word in said if word in self.place}
        tried = {word: [foil for foil in self.foils.get(word, ()) if foil not in own] for word in sorted(own)}
        words = sorted({word for word, foils in tried.items() if foils}.union(*tried.values()))
        places = [self.place[word] for word in words]
        z = self.standing(places, image)
        inside = np.array([sample_id in self.counted and word in own for word in words], dtype=np.float64)
        rows = self.rows[places] - inside
        usual = np.maximum((self.total[places] - inside * z) / (rows + PRIOR_ROWS), 0) * SHARPNESS
        gains = np.clip(usual * z - usual**2 / 2, -MOST, MOST)
        gain = dict(zip(words, gains.tolist(), strict=True))
        weight = dict(zip(words, (rows + 1).tolist(), strict=True))
        found = {}
        for word, foils in tried.items():
            if foils:
                total = sum(weight[foil] for foil in foils)
                likelihood = sum(weight[foil] / total * exp(gain[foil]) for foil in foils)
                best = max(foils, key=lambda foil: gain[foil])
                found[word] = Preference(word, best, gain[word] - log(likelihood))
        return found


def _score(sample: Sample, words: SeenWords, image: Floats, sentences: Sequence[Statement]) -> Score:
    """The score of a row by all its words, with that of each turn by the turn's own words."""
    found = words.preferences(sample.id, image, _words(sentences))

    def score(sentences: Sequence[Statement]) -> Score:
        return _fold([found[word] for word in _words(sentences) if word in found])

    turns = []
    for number, pair in enumerate(sample.pairs):
        own = [sentence for sentence in sentences if sentence.turn == number]
        one, by_sentence = score(own), tuple(score([sentence]).value for sentence in own)
        turns.append(TurnScore(one.value, no_answer(pair) or one.reason, by_sentence))
    return replace(score(sentences), turns=tuple(turns))


def _fold(preferences: Sequence[Preference]) -> Score:
    if not preferences:
        return Score.skipped(NO_FOILS)
    against = sum(exp(-one.value) for one in preferences) / len(preferences)
    weakest = min(preferences, key=lambda one: one.value)
    return Score.ok(round(1 / (1 + against), 4), f"weakest: '{weakest.word}' against '{weakest.foil}'")


def _words(sentences: Sequence[Statement]) -> list[str]:
    return [word[0].lower() for one in sentences for word in WORD.finditer(one.text)]
