"""Relevance: how much the questions help to predict the answers, the image being shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from finegold.errors import ConfigError, did_you_mean
from finegold.models import Model
from finegold.scorers.base import Context, Score
from finegold.scorers.registry import SCORERS
from finegold.scorers.vlm import ModelScorer, ScoreRows, ShownRow, mean_loss, turn_losses

RelevanceForm = Literal["difference", "ratio"]


@SCORERS.register("relevance")
@dataclass(frozen=True)
class Relevance(ModelScorer):
    """Mean nats per answer token that the questions save; near 0 the answer does not depend on what is asked.

    Attributes:
        form: `difference`: loss without the questions minus loss with them, higher is more relevant. `ratio`:
            loss with them over loss without, as PreSel (Guo et al. 2025, arXiv 2503.07591) publishes its
            instruction relevance score; lower is more relevant.
    """

    name = "relevance"
    version = "1"
    label = "Relevance of the questions"

    form: RelevanceForm = "difference"

    def __post_init__(self) -> None:
        """Refuse an unknown form."""
        if self.form not in get_args(RelevanceForm):
            known = get_args(RelevanceForm)
            hint = did_you_mean(self.form, known)
            raise ConfigError(f"relevance has no form '{self.form}'{hint}: give one of {', '.join(known)}")

    def scores(self, model: Model, context: Context) -> ScoreRows:
        """Two passes: with the questions, and with turns that hold the image alone."""

        def score(rows: Sequence[ShownRow]) -> list[Score]:
            asked = self.own_losses(model, rows)
            unasked = model.dialogue_losses(
                [row.image for row in rows],
                [[(None, pair.answer) for pair in row.pairs] for row in rows],
                max_tokens=self.max_tokens,
            )
            return [
                self.ok(
                    self._compared(mean_loss(own), mean_loss(without)),
                    row,
                    own,
                    list(map(self._compared, turn_losses(own), turn_losses(without))),
                )
                for row, own, without in zip(rows, asked, unasked, strict=True)
            ]

        return score

    def _compared(self, with_it: float, without: float) -> float:
        # A loss of 0 would be a certain answer, which no softmax gives.
        return without - with_it if self.form == "difference" else with_it / max(without, 1e-12)
