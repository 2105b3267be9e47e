"""Foil, read by a vision-language model: are the least likely words of the answer likelier than their foils?

`foil` asks the encoder; this asks a model that tells losses. The foils of a word are learnt in the same way,
and a word that the row itself says elsewhere is one too. Each sentence is read after its question, the image
being shown:

    preference(word) = min over foils of loss(sentence with the foil) - loss(sentence)

in nats, summed over the tokens. Each foil is a sentence to read, so only the three words of a turn that the
model finds least likely are tried; a wrong word is often among them. The row is worth its weakest word, or
the mean of the words that were tried. finegold's own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from statistics import fmean
from typing import Literal, NamedTuple, get_args

from finegold.arrays import Vectors
from finegold.errors import ConfigError
from finegold.models import Model
from finegold.models.registry import ENDPOINT
from finegold.samples import Pair
from finegold.scorers.base import Context, Score, TurnScore, no_answer
from finegold.scorers.contexts import NO_FOILS, WORD, WordContexts
from finegold.scorers.registry import SCORERS
from finegold.scorers.statements import MOST_ROWS, Forms, smallest_hashes
from finegold.scorers.vlm import ModelScorer, ScoreRows, ShownRow

TRIED = 4
"""Foils of a word that take its place: the likest ones."""
SUSPECTS = 3
"""Words of a turn that are tried: those of the highest loss among the words that have foils."""


MEAN_SCALE = 4.0
"""Nats that count as one in the mean, so that no word has all the weight."""
WordFold = Literal["weakest", "mean"]


class Sentence(NamedTuple):
    """A sentence of an answer.

    Attributes:
        row: Position of its row.
        turn: Number of the question and answer.
        question: The question.
        text: The sentence.
    """

    row: int
    turn: int
    question: str
    text: str


class FoiledSentence(NamedTuple):
    """A sentence with a foil in a word's place.

    Attributes:
        sentence: Position of the sentence.
        word: The word, in lower case.
        foil: The foil.
        text: The sentence with the foil.
        loss: Loss of the word, nats.
    """

    sentence: int
    word: str
    foil: str
    text: str
    loss: float


@SCORERS.register("foil-loss")
@dataclass(frozen=True)
class FoilLoss(ModelScorer):
    """How much likelier the answer's least likely words are than their foils, 0 to 1; 0.5 is no preference.

    1 / (1 + exp(-preference)). Short answers have no foils. Rows without an image are skipped, and rows in
    which no word has foils.

    Attributes:
        fold: `weakest`: the value of the weakest word. `mean`: the mean over all words that were tried of
            1 / (1 + exp(-preference / 4)), which does not fall with the number of sentences.
    """

    name = "foil-loss"
    version = "4"
    label = "Preference over foils, by losses"

    fold: WordFold = "weakest"

    def __post_init__(self) -> None:
        """Refuse an unknown fold."""
        if self.fold not in get_args(WordFold):
            raise ConfigError(
                f"foil-loss has no fold '{self.fold}': give one of {', '.join(get_args(WordFold))}"
            )

    def scores(self, model: Model, context: Context) -> ScoreRows:
        """Learn which words can stand in each other's place.

        Raises:
            ConfigError: If the model is served: an endpoint does not say which tokens a word has.
        """
        if self.model.startswith(ENDPOINT):
            raise ConfigError(
                f"foil-loss must know which tokens a word has, and '{self.model}' does not say it: name "
                "offline, a tuned folder or a Hugging Face model"
            )
        corpus = context.corpus
        learnt = [corpus.pairs[row] for row in smallest_hashes(corpus.ids, MOST_ROWS)]
        forms = Forms.learn(learnt)
        contexts = WordContexts.learn(one.text for pairs in learnt for one in forms.sentences(pairs))

        def score(rows: Sequence[ShownRow]) -> list[Score]:
            sentences = [
                Sentence(at, one.turn, row.sample.pairs[one.turn].question, one.text)
                for at, row in enumerate(rows)
                for one in forms.sentences(row.sample.pairs)
            ]
            own = self._losses_of(model, rows, sentences, [one.text for one in sentences])
            trials = _suspects(sentences, list(_trials(model, contexts, sentences, own)))
            foiled = self._losses_of(
                model, rows, [sentences[trial.sentence] for trial in trials], [trial.text for trial in trials]
            )
            found: list[list[tuple[float, int, FoiledSentence]]] = [[] for _ in rows]
            for trial, nats in zip(trials, foiled, strict=True):
                sentence = sentences[trial.sentence]
                preference = _total(nats) - _total(own[trial.sentence])
                found[sentence.row].append((preference, sentence.turn, trial))
            places: list[dict[int, list[int]]] = [{} for _ in rows]
            for number, sentence in enumerate(sentences):
                places[sentence.row].setdefault(sentence.turn, []).append(number)
            return [_score(*one, self.fold) for one in zip(rows, found, places, strict=True)]

        return score

    def _losses_of(
        self, model: Model, rows: Sequence[ShownRow], sentences: Sequence[Sentence], texts: Sequence[str]
    ) -> list[Vectors]:
        """Losses of texts that stand where sentences stand."""
        return model.losses(
            [rows[one.row].image for one in sentences],
            [one.question for one in sentences],
            texts,
            max_tokens=self.max_tokens,
        )


def _trials(
    model: Model, contexts: WordContexts, sentences: Sequence[Sentence], own: Sequence[Vectors]
) -> Iterator[FoiledSentence]:
    """Every word with each of its likest foils in its place; a capital letter stays one."""
    for number, (sentence, nats) in enumerate(zip(sentences, own, strict=True)):
        text = sentence.text
        for place in WORD.finditer(text):
            word = place[0]
            foils = contexts.foils.get(word.lower(), ())[:TRIED]
            if not foils:
                continue
            start, end = (model.count_tokens(text[:at]) for at in place.span())
            loss = _total(nats[min(start, end - 1) : end])
            for foil in foils:
                as_written = foil.capitalize() if word[0].isupper() else foil
                foiled = f"{text[: place.start()]}{as_written}{text[place.end() :]}"
                yield FoiledSentence(number, word.lower(), foil, foiled, loss)


def _suspects(sentences: Sequence[Sentence], trials: Sequence[FoiledSentence]) -> list[FoiledSentence]:
    """The trials of the words of each turn that cost most; ties in the order of the text."""
    words: dict[tuple[int, int], dict[tuple[int, str], float]] = {}
    for trial in trials:
        sentence = sentences[trial.sentence]
        losses = words.setdefault((sentence.row, sentence.turn), {})
        key = (trial.sentence, trial.word)
        losses[key] = max(trial.loss, losses.get(key, 0.0))
    # Rounded, so that batches do not decide between words that are equally likely.
    kept = {
        key
        for losses in words.values()
        for key in sorted(losses, key=lambda key: -round(losses[key], 3))[:SUSPECTS]
    }
    return [trial for trial in trials if (trial.sentence, trial.word) in kept]


def _score(
    row: ShownRow,
    found: Sequence[tuple[float, int, FoiledSentence]],
    places: Mapping[int, Sequence[int]],
    fold: WordFold,
) -> Score:
    """The score of a row by its words that were tried; `places` are the numbers of each turn's sentences."""
    if not found:
        return Score.skipped(NO_FOILS)

    def turn(number: int, pair: Pair) -> TurnScore:
        tried = [one for one in found if one[1] == number]
        if not tried:
            return TurnScore(None, no_answer(pair) or NO_FOILS)
        by_sentence = [[one for one in tried if one[2].sentence == at] for at in places.get(number, ())]
        sentences = tuple(_value(one, fold) if one else None for one in by_sentence)
        return TurnScore(_value(tried, fold), None, sentences)

    _, _, trial = min(found, key=lambda one: one[0])
    remark = f"weakest: '{trial.word}' against '{trial.foil}'"
    if len(row.sample.images) > 1:
        remark += f"; the first of {len(row.sample.images)} images was shown"
    turns = tuple(turn(number, pair) for number, pair in enumerate(row.sample.pairs))
    return replace(Score.ok(_value(found, fold), remark), turns=turns)


def _value(found: Sequence[tuple[float, int, FoiledSentence]], fold: WordFold) -> float:
    """The value of some trials: see `FoilLoss.fold`. Rounded where batches differ."""
    if fold == "weakest":
        return round(_share(min(preference for preference, _, _ in found)), 4)
    words: dict[tuple[int, str], float] = {}
    for preference, _, trial in found:
        key = (trial.sentence, trial.word)
        words[key] = min(preference, words.get(key, preference))
    return round(fmean(_share(preference / MEAN_SCALE) for preference in words.values()), 4)


def _total(nats: Vectors) -> float:
    return float(nats.sum(dtype="float64"))


def _share(preference: float) -> float:
    """The logistic function."""
    return 1 / (1 + exp(-max(-700.0, preference)))
