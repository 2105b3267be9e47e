"""What an encoder cannot judge: sentences that fit every image, and languages that it does not read.

Both are learnt from a bounded sample of the dataset's rows, before the first row is scored.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from finegold.arrays import Floats
from finegold.samples.languages import DEFAULT, language_of
from finegold.scorers.references import References
from finegold.scorers.statements import Statement

Embed = Callable[[Sequence[str]], Floats]
REPEATED, REPEATED_SHARE = 3, 0.01
"""Rows that say a sentence, from which on it may be a phrase that says nothing: so many, and this share."""
STANDS_OUT = 1.0
"""Mean standing of a repeated sentence on its rows' images from which on it is about them, in spreads."""
QUANTILE, ORDINARY, FEWEST_ORDINARY = 0.25, 512, 20
"""A phrase fits its best images worse than this share of a sample of the other sentences fit theirs."""
BEST = 5
ASKED = 64
"""Rows that a repeated sentence or a language is tried on."""
READS, FEWEST_ROWS = 0.5, 8
"""Mean standing of a language's sentences from which on the encoder reads it; rows that it takes to tell."""


class JudgedRow(NamedTuple):
    """A row of the sample, with an image."""

    id: str
    image: Floats
    statements: Sequence[Statement]


def phrases(rows: Sequence[JudgedRow], references: References, embed: Embed) -> frozenset[str]:
    """Sentences, in lower case, that many rows say and that say nothing about an image.

    Such a sentence ("Overall, the scene conveys joy.") stands out for none of the images whose rows say it,
    and even the images that it fits best it fits badly. A repeated sentence that fits some images well ("A
    yellow bus is visible.") is about images, and judged.
    """
    where: dict[str, list[JudgedRow]] = defaultdict(list)
    for row in rows:
        for text in {one.text for one in row.statements if one.form == "sentence"}:
            where[text.lower()].append(row)
    least = max(REPEATED, REPEATED_SHARE * len(rows))
    repeated = sorted(text for text, found in where.items() if len(found) >= least)
    ordinary = sorted(text for text, found in where.items() if len(found) < REPEATED)[
        :: max(1, len(where) // ORDINARY)
    ]
    if not repeated or len(ordinary) < FEWEST_ORDINARY:
        return frozenset()
    bound = np.quantile(_best(references, embed(ordinary)), QUANTILE)
    vectors = embed(repeated)
    found = set()
    for text, vector, best in zip(repeated, vectors, _best(references, vectors), strict=True):
        if best < bound:
            standing = [
                references.standing(vector[None], row.image, row.id)[0] for row in where[text][:ASKED]
            ]
            if float(np.mean(standing)) < STANDS_OUT:
                found.add(text)
    return frozenset(found)


def _best(references: References, vectors: Floats) -> Floats:
    """Mean cosine of each text with the images that it fits best."""
    cosines = np.sort(references.cosines(vectors), axis=1)
    best: Floats = cosines[:, -BEST:].mean(axis=1)
    return best


def unread_languages(
    rows: Sequence[JudgedRow], references: References, embed: Embed
) -> dict[str, tuple[int, float]]:
    """Languages whose sentences stand out for their images no more than chance: rows and mean standing.

    The default language is never among them: what is wrong with its rows is theirs.
    """
    tried: dict[str, list[tuple[JudgedRow, str]]] = defaultdict(list)
    for row in rows:
        text = next((one.text for one in row.statements if one.form == "sentence"), None)
        if text is not None and (language := language_of(text)) != DEFAULT and len(tried[language]) < ASKED:
            tried[language].append((row, text))
    found = {}
    for language, asked in sorted(tried.items()):
        if len(asked) < FEWEST_ROWS:
            continue
        vectors = embed([text for _, text in asked])
        standing = [
            references.standing(vector[None], row.image, row.id)[0]
            for vector, (row, _) in zip(vectors, asked, strict=True)
        ]
        if (mean := float(np.mean(standing))) < READS:
            found[language] = (len(asked), mean)
    return found
