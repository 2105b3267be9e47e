"""Gain: how much the row's image helps to predict the answer's weakest sentence, beside other images.

`necessity` asks whether a model needs an image; `gain` asks whether it needs this one. The losses of an
answer are computed with the row's image and with a few other images, the same ones for all rows:

    gain(sentence) = mean over others of loss(sentence | other image) - loss(sentence | own image)

in nats per token. A true and specific sentence gains, one that fits all images has about 0, one of another
image less. The row's value is that of its weakest sentence, so that four right ones do not hide a wrong one.
finegold's own; the difference to VisNec (arXiv 2603.01195) is the other images and the weakest sentence.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from finegold.arrays import Vectors
from finegold.errors import ConfigError, did_you_mean
from finegold.models import Model
from finegold.samples import ImageRef
from finegold.samples.images import decode, with_image
from finegold.samples.words import sentence_ends
from finegold.scorers.base import Context, Score
from finegold.scorers.registry import SCORERS
from finegold.scorers.vlm import ModelScorer, ScoreRows, ShownRow, mean_loss, turn_losses

Against = Literal["others", "none"]
GainFold = Literal["sentence", "turn", "row"]


@SCORERS.register("gain")
@dataclass(frozen=True)
class ImageGain(ModelScorer):
    """Nats per token that the row's image saves in its weakest sentence, against other images of the dataset.

    Attributes:
        fold: What the value is of: the weakest `sentence` of all answers, the weakest `turn`, or the whole
            `row`. A sentence of under three words counts with the one before.
        against: `others`: the mean loss with other images of the dataset. `none`: the loss with the image
            masked, as in `necessity`.
        others: Number of other images, those of the rows whose ids have the smallest hashes.
    """

    name = "gain"
    version = "1"
    label = "Gain of the weakest sentence"
    value_unit = "nats per token"

    fold: GainFold = "sentence"
    against: Against = "others"
    others: int = 4

    def __post_init__(self) -> None:
        """Refuse an unknown fold or comparison, and fewer than one other image."""
        for field, value, known in (
            ("fold", self.fold, get_args(GainFold)),
            ("against", self.against, get_args(Against)),
        ):
            if value not in known:
                hint = did_you_mean(value, known)
                raise ConfigError(f"gain has no {field} '{value}'{hint}: give one of {', '.join(known)}")
        if self.others < 1:
            raise ConfigError(f"gain compares with {self.others} other images, expected 1 or more")

    def scores(self, model: Model, context: Context) -> ScoreRows:
        """Choose the other images.

        Raises:
            ConfigError: If no two images differ.
            ModelError: If sentences are compared and the model does not say which tokens they have.
        """
        if self.fold == "sentence":
            model.count_tokens("a")
        references = self._references(context) if self.against == "others" else {}

        def score(rows: Sequence[ShownRow]) -> list[Score]:
            shown = self.own_losses(model, rows)
            if self.against == "none":
                gains = [
                    [other - own for other, own in zip(others, owns, strict=True)]
                    for others, owns in zip(
                        self.own_losses(model, rows, mask_images=True), shown, strict=True
                    )
                ]
            else:
                gains = self._gains(model, rows, shown, references)
            return [self._score(model, row, found) for row, found in zip(rows, gains, strict=True)]

        return score

    def _references(self, context: Context) -> dict[str, ImageRef]:
        """Different images by the hash of their pixels: one more than a row is compared with."""
        found: dict[str, ImageRef] = {}
        for sample in context.fixed_samples(4 * (self.others + 1)):
            try:
                pixels = with_image(sample.images[0], _pixels)
            except Exception:
                # Its own row fails with the reason.
                continue
            found.setdefault(pixels, sample.images[0])
            if len(found) > self.others:
                return found
        if len(found) < 2:
            raise ConfigError(
                "the scorer 'gain' compares a row's image with others and the dataset has "
                f"{len(found)} that can be read: give it more, or against=none"
            )
        return found

    def _gains(
        self,
        model: Model,
        rows: Sequence[ShownRow],
        shown: Sequence[Sequence[Vectors]],
        references: dict[str, ImageRef],
    ) -> list[list[Vectors]]:
        """Gain of each token of each answer."""
        names = [_pixels(row.image) for row in rows]
        others = [[key for key in references if key != name][: self.others] for name in names]
        sums = [[np.zeros_like(own) for own in owns] for owns in shown]
        for key, ref in references.items():
            # Decoded when it is shown: of large photos a few would take all memory.
            image = decode(ref)
            places = [place for place, keys in enumerate(others) if key in keys]
            chosen = [rows[place] for place in places]
            for place, losses in zip(places, self.losses(model, chosen, [image] * len(chosen)), strict=True):
                for total, one in zip(sums[place], losses, strict=True):
                    total += one
        return [
            [total / np.float32(len(keys)) - own for total, own in zip(totals, owns, strict=True)]
            for totals, keys, owns in zip(sums, others, shown, strict=True)
        ]

    def _score(self, model: Model, row: ShownRow, gains: Sequence[Vectors]) -> Score:
        turns, sentences = turn_losses(gains), None
        if self.fold == "sentence":
            sentences = [
                _by_sentence(model, pair.answer, one) for pair, one in zip(row.pairs, gains, strict=True)
            ]
            turns = [min(value for value in one if value is not None) for one in sentences]
        value = mean_loss(gains) if self.fold == "row" else min(turns)
        return self.ok(value, row, gains, turns, sentences)


def _by_sentence(model: Model, answer: str, values: Vectors) -> list[float | None]:
    """Mean of the values of each sentence's tokens, None without any; the end symbol belongs to none."""
    ends = [min(model.count_tokens(answer[:end]), len(values)) for end in sentence_ends(answer)]
    starts = [0, *ends[:-1]]
    means = [
        float(values[start:end].mean()) if end > start else None
        for start, end in zip(starts, ends, strict=True)
    ]
    return means if any(mean is not None for mean in means) else [float(values.mean())]


def _pixels(image: Image.Image) -> str:
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()
