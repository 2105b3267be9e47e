"""Yes-probability: does the model say yes when it is asked whether the image shows what the answer says?

VQAScore (Lin et al. 2024, arXiv 2404.01291), its question word by word.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from finegold.models import Model
from finegold.scorers.base import Context, Score
from finegold.scorers.registry import SCORERS
from finegold.scorers.vlm import ModelScorer, ScoreRows, ShownRow

QUESTION = 'Does this figure show "{}"? Please answer yes or no.'


@SCORERS.register("yes-probability")
@dataclass(frozen=True)
class YesProbability(ModelScorer):
    """P(Yes) / (P(Yes) + P(No)) after 'Does this figure show "ANSWER"?', of the weakest turn; 0 to 1.

    The probabilities are those of the whole words and the end of the turn; of an endpoint, those of the first
    token. It means something for a model that was trained to answer questions; the offline model was trained
    to describe.
    """

    name = "yes-probability"
    version = "1"
    label = "Probability of yes"

    def scores(self, model: Model, context: Context) -> ScoreRows:
        """Two short answers for each turn of each row."""

        def score(rows: Sequence[ShownRow]) -> list[Score]:
            asked = [(row.image, QUESTION.format(pair.answer)) for row in rows for pair in row.pairs]
            images, questions = zip(*asked, strict=True)
            found = iter(model.preferences(images, questions, ("Yes", "No")))
            shares = [[next(found) for _ in row.pairs] for row in rows]
            return [self.ok(min(turns), row, [], turns) for row, turns in zip(rows, shares, strict=True)]

        return score
