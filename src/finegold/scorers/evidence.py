"""Evidence: does the image bear out every turn, sentences and short answers alike?

Each turn is judged by itself, on one scale, in spreads over other images of the row's source (see `support`),
or of the dataset where the source has fewer than 100 rows with an image:

- a sentence by how far the row's image stands out for it, less one spread, which one wrong sentence in
  six reaches by chance
- "yes" by how far the image stands out for the question, less the standing at which yes and no are as likely,
  "no" by the contrary
- another short answer by how much better the question with it stands out than with the answers that other
  rows gave to like questions, or with the other options that it offers
- an answer of a form that hardly any answers to like questions have ("Yes" to "How many dogs are there?") is
  not borne out

Short answers are weaker evidence: their standing is shifted and stretched, so that right ones are above 0
as often as right sentences. A sentence that many rows say and that fits no image well ("Overall, the scene
conveys joy.") does not count; a turn that says nothing else gets what chance gives. A row is worth its
weakest turn. Rows in a language that the encoder turns out not to read are skipped, and a note says so.
finegold's own.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from finegold.arrays import Floats
from finegold.encoders import Encoder, embed_groups
from finegold.samples import Sample
from finegold.samples.languages import language_of
from finegold.scorers.base import NO_ANSWER, Batch, Context, Score, ScoreBatch, fold
from finegold.scorers.image_text import EncoderScorer
from finegold.scorers.references import References
from finegold.scorers.registry import SCORERS
from finegold.scorers.statements import Forms, Statement
from finegold.scorers.unreadable import JudgedRow, phrases, unread_languages

BAR = 1.0
"""Spreads that a sentence's image must stand out by."""
SHORT_BAR, SHORT_SCALE = -0.25, 5 / 3
"""The same of a short answer, and how many spreads of a sentence one of it counts for."""
NOT_EXPECTED = -1.0
"""Standing of an answer of a form that hardly any answers to like questions have."""


@SCORERS.register("evidence")
@dataclass(frozen=True)
class TurnEvidence(EncoderScorer):
    """How far the weakest turn is borne out by the row's image, in spreads above the bar; 0 and less is not.

    A sample with several images is compared by their mean; one without an image is skipped.

    Attributes:
        by_source: Whether a row is compared with images of its source, where this has at least 100; False
            takes those of the whole dataset. Beside photos any drawing stands out for "a circle".
        yes_bar: Spreads by which the image stands out for a question of which yes and no are as likely.
    """

    name = "evidence"
    version = "6"
    by_turn = True
    label = "Evidence for the weakest turn"
    value_unit = "spreads"

    by_source: bool = True
    yes_bar: float = 0.75

    def prepare(self, context: Context) -> ScoreBatch:
        """Learn what answers look like, which sentences say nothing and which languages are not read.

        Raises:
            ConfigError: If fewer than 8 rows have an image.
        """
        learnt = self.learn(context)
        corpus, references, forms = learnt.corpus, learnt.references, learnt.forms
        own = References.by_source(corpus, self.name) if self.by_source else {}
        rows = [
            JudgedRow(corpus.ids[row], image.astype(np.float64), forms.statements(corpus.pairs[row]))
            for row in learnt.rows
            if corpus.image_embeddings is not None
            and np.isfinite(image := corpus.image_embeddings[row]).all()
        ]

        empty = phrases(rows, references, learnt.embed)
        unread = unread_languages(rows, references, learnt.embed)
        for language, (count, mean) in unread.items():
            context.notes.append(
                f"The encoder does not read the language '{language}': of {count} rows in it, the images "
                f"stand out for their texts by {mean:.2f} spreads, and chance gives 0. `{self.name}` skips "
                "these rows; a multilingual encoder judges them."
            )

        def judge(sample: Sample, image: Floats, stated: Sequence[tuple[Statement, Floats]]) -> Score:
            compared = own.get(sample.source, references)
            turns: dict[int, list[float | None]] = {}
            empty_ones: Counter[int] = Counter()
            for one, texts in stated:
                values = turns.setdefault(one.turn, [])
                if one.form == "sentence" and one.text.lower() in empty:
                    empty_ones[one.turn] += 1
                    values.append(None)
                    continue
                standing = compared.standing(texts, image, sample.id).tolist()
                values.append(self._value(one, standing))
            scores = []
            for turn in range(len(sample.pairs)):
                if turn not in turns:
                    scores.append(Score.skipped(NO_ANSWER))
                    continue
                remark = (
                    f"{empty_ones[turn]} sentences that fit every image do not count"
                    if empty_ones[turn]
                    else None
                )
                known = [value for value in turns[turn] if value is not None]
                sentences = tuple(value if value is None else round(value, 4) for value in turns[turn])
                one_turn = Score.ok(round(min(known, default=-BAR), 4), remark)
                scores.append(replace(one_turn, sentences=sentences))
            return fold(scores, "weakest")

        def score_batch(batch: Batch) -> list[Score]:
            images, against = self.images_of(batch)
            for row, sample in enumerate(batch.samples):
                if against[row] is None and (language := language_of(sample.answer)) in unread:
                    against[row] = Score.skipped(
                        f"the encoder does not read the language '{language}' of the row"
                    )
            stated = [
                [] if reason else forms.statements(sample.pairs)
                for sample, reason in zip(batch.samples, against, strict=True)
            ]
            texts = [_texts(one, forms, learnt.encoder) for row in stated for one in row]
            vectors = iter(embed_groups(learnt.encoder, texts))
            with_texts = [[(one, next(vectors).astype(np.float64)) for one in row] for row in stated]
            return [
                reason or judge(sample, image, row)
                for sample, image, row, reason in zip(batch.samples, images, with_texts, against, strict=True)
            ]

        return score_batch

    def _value(self, statement: Statement, standing: Sequence[float]) -> float:
        """Value of a statement from the standing of its texts."""
        if statement.form == "sentence":
            return min(standing) - BAR
        if not statement.expected:
            short = NOT_EXPECTED
        elif statement.form == "short":
            short = standing[0] - (fmean(standing[1:]) if standing[1:] else BAR)
        elif statement.form == "yes":
            short = min(standing) - self.yes_bar
        else:
            short = self.yes_bar - max(standing)
        return (short - SHORT_BAR) * SHORT_SCALE


def _texts(statement: Statement, forms: Forms, encoder: Encoder) -> list[str]:
    """The texts that a statement is judged by, its own first."""
    if statement.form != "short":
        return encoder.windows(statement.text)
    return [f"{statement.question} {answer}" for answer in (statement.text, *forms.others(statement))]
