"""Foil: does the image prefer each word of the answer to words that could stand in its place?

A fluent near miss ("a girl with a red ball" for a boy) moves the cosine of its sentence too little to be
seen. So the words are tried one by one. Foils of a word are words that the dataset's answers use in the same
contexts (see `contexts`). The two foils that fit the image best take the word's place between its neighbours:

    preference(word) = [cos(image, "a girl with") - mean] - [cos(image, "a boy with") - mean]

in spreads of the dataset's sentences, the means over images of the dataset. The row is worth its weakest
word, since one wrong word makes an answer wrong. finegold's own; foils as a test of models: Shekhar et al.
2017 (arXiv 1705.01359).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import NamedTuple

import numpy as np

from finegold.arrays import Floats
from finegold.samples import Pair, Sample
from finegold.scorers.base import Batch, Context, Score, ScoreBatch
from finegold.scorers.contexts import WordContexts
from finegold.scorers.image_text import EncoderScorer, Learnt
from finegold.scorers.references import unit
from finegold.scorers.registry import SCORERS
from finegold.scorers.statements import Forms

TRIED = 2
"""Foils of a word that take its place: those that alone fit the image best."""
SPREAD_SENTENCES = 512
"""Sentences whose spread is the unit."""
_WORD = re.compile(r"[^\W\d_]+")


class Trial(NamedTuple):
    """A word with its neighbours, and a foil between the same neighbours."""

    word: str
    foil: str
    phrase: str
    foiled: str


@SCORERS.register("foil")
@dataclass(frozen=True)
class Foil(EncoderScorer):
    """How much the image prefers the answer's weakest word to its foils, 0 to 1; 0.5 is no preference.

    1 / (1 + exp(-preference)). Short answers have no foils here: `evidence` compares them with others'. Rows
    without an image are skipped, and rows in which no word has foils.
    """

    name = "foil"
    version = "1"
    label = "Preference over foils of the weakest word"

    def prepare(self, context: Context) -> ScoreBatch:
        """Learn which words can stand in each other's place.

        Raises:
            ConfigError: If fewer than 8 rows have an image.
        """
        learnt = self.learn(context)
        references, forms = learnt.references, learnt.forms
        sentences = [_sentences(forms, learnt.corpus.pairs[row]) for row in learnt.rows]
        contexts = WordContexts.learn(text for row in sentences for text in row)
        spread = _spread(learnt, [row[0] for row in sentences if row][:SPREAD_SENTENCES])
        words = sorted({foil for foils in contexts.foils.values() for foil in foils})
        alone = dict(zip(words, unit(learnt.embed(words)), strict=True))
        standing = {word: references.cosines(vector[None])[0] for word, vector in alone.items()}
        level = {word: (float(cosines.mean()), float(cosines.std())) for word, cosines in standing.items()}

        def trials(sample: Sample, image: Floats) -> list[Trial]:
            fits = {}
            found = []
            for text in _sentences(forms, sample.pairs):
                places = list(_WORD.finditer(text))
                for at, place in enumerate(places):
                    foils = contexts.foils.get(place[0].lower(), ())
                    for foil in foils:
                        if foil not in fits:
                            mean, deviation = level[foil]
                            fits[foil] = (float(alone[foil] @ image) - mean) / max(deviation, 1e-6)
                    start = places[max(0, at - 1)].start()
                    end = places[min(len(places) - 1, at + 1)].end()
                    for foil in sorted(foils, key=lambda foil: -fits[foil])[:TRIED]:
                        before, after = text[start : place.start()], text[place.end() : end]
                        found.append(
                            Trial(
                                place[0].lower(),
                                foil,
                                text[start:end].lower(),
                                f"{before}{foil}{after}".lower(),
                            )
                        )
            return found

        def score_batch(batch: Batch) -> list[Score]:
            embeddings, against = self.images_of(batch)
            images = unit(embeddings)
            tried = [
                [] if reason else trials(sample, image)
                for sample, image, reason in zip(batch.samples, images, against, strict=True)
            ]
            texts = sorted({text for one in tried for trial in one for text in trial[2:]})
            place = {text: at for at, text in enumerate(texts)}
            vectors = unit(learnt.embed(texts))
            means = vectors @ references.images.mean(axis=0)
            scores = []
            for reason, image, one in zip(against, images, tried, strict=True):
                if reason is not None:
                    scores.append(reason)
                elif not one:
                    scores.append(Score.skipped("no word of the answer has foils in the dataset"))
                else:
                    phrase = np.array([place[trial.phrase] for trial in one])
                    foiled = np.array([place[trial.foiled] for trial in one])
                    own = vectors[phrase] @ image - means[phrase]
                    other = vectors[foiled] @ image - means[foiled]
                    preference = (own - other) / spread
                    weakest = int(preference.argmin())
                    value = 1 / (1 + exp(-float(preference[weakest])))
                    remark = f"weakest: '{one[weakest].word}' against '{one[weakest].foil}'"
                    scores.append(Score.ok(round(value, 4), remark))
            return scores

        return score_batch


def _sentences(forms: Forms, pairs: Sequence[Pair]) -> list[str]:
    return [one.text for one in forms.statements(pairs) if one.form == "sentence"]


def _spread(learnt: Learnt, sentences: Sequence[str]) -> float:
    """Median spread over other images of the cosines of some sentences of the dataset."""
    if not sentences:
        return 1.0
    cosines = learnt.references.cosines(unit(learnt.embed(sentences)))
    return max(float(np.median(cosines.std(axis=1))), 1e-6)
