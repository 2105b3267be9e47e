"""Necessity: how much the answers need the image; and difficulty, how unlikely they are with it.

`necessity` is VisNec (arXiv 2603.01195): the loss of the answers without the image minus the loss with it.
Without the image its tokens become padding that nothing attends to; all else stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from finegold.models import Model
from finegold.scorers.base import Context, Score
from finegold.scorers.registry import SCORERS
from finegold.scorers.vlm import ModelScorer, ScoreRows, ShownRow, mean_loss, turn_losses


@SCORERS.register("necessity")
@dataclass(frozen=True)
class Necessity(ModelScorer):
    """Mean nats per answer token that the image saves, over all assistant turns; higher needs the image more.

    Below 0 the image makes the answers less likely, as where it is another one; near 0 the answers can be
    given without it. Published as VisNec (arXiv 2603.01195).
    """

    name = "necessity"
    version = "1"
    label = "Visual necessity"
    value_unit = "nats per token"

    def scores(self, model: Model, context: Context) -> ScoreRows:
        """Two passes: the image masked, and shown."""

        def score(rows: Sequence[ShownRow]) -> list[Score]:
            shown = self.own_losses(model, rows)
            masked = self.own_losses(model, rows, mask_images=True)
            return [
                self.ok(
                    mean_loss(without) - mean_loss(own),
                    row,
                    own,
                    [a - b for a, b in zip(turn_losses(without), turn_losses(own), strict=True)],
                )
                for row, own, without in zip(rows, shown, masked, strict=True)
            ]

        return score


@SCORERS.register("difficulty")
@dataclass(frozen=True)
class Difficulty(ModelScorer):
    """Mean loss of the answers with their image, nats per token over all assistant turns; 0 and up.

    Low values are answers that the model could have given. High ones are rare wording or another language,
    and also answers that are broken or of another image: taking the highest first finds those.
    """

    name = "difficulty"
    version = "1"
    label = "Difficulty"
    value_unit = "nats per token"

    def scores(self, model: Model, context: Context) -> ScoreRows:
        """One pass."""

        def score(rows: Sequence[ShownRow]) -> list[Score]:
            shown = self.own_losses(model, rows)
            return [
                self.ok(mean_loss(own), row, own, turn_losses(own))
                for row, own in zip(rows, shown, strict=True)
            ]

        return score
