"""The indicators of a vision-language model, held against plain implementations of what was published."""

import io
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from tests.models.huggingface import made

from finegold.errors import ConfigError, ModelError
from finegold.models.loading import load_processor
from finegold.samples import ImageRef, Sample, Turn
from finegold.scorers import Batch, Context, Score, Scorer, make_scorer
from finegold.scorers.gain import ImageGain
from finegold.scorers.necessity import Difficulty, Necessity
from finegold.scorers.relevance import Relevance
from finegold.scorers.yes_probability import YesProbability

MAKERS = {"llava": made.llava, "qwen2-vl": made.qwen2_vl, "idefics3": made.idefics3}
DIALOGUES = [
    [("What is this?", "A dog.")],
    [("Is it red?", "Yes, it is."), ("What runs?", "A cat runs on grass. It is small and brown.")],
    [("Describe it.", "Two men sit on a bench. One of them holds a dog.")],
]


def picture(angle: int) -> Image.Image:
    return Image.linear_gradient("L").resize((56, 56)).rotate(angle).convert("RGB")


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def sample(key: str, dialogue: Sequence[tuple[str, str]], data: bytes | None) -> Sample:
    turns = [
        Turn(role, text)  # type: ignore[arg-type]
        for asked, said in dialogue
        for role, text in (("user", asked), ("assistant", said))
    ]
    images = () if data is None else (ImageRef(f"{key}.png", data=data),)
    return Sample(key, images, tuple(turns), None)


@pytest.fixture
def samples() -> list[Sample]:
    return [sample(f"row{row}", dialogue, png(picture(90 * row))) for row, dialogue in enumerate(DIALOGUES)]


def scores_by(scorer: Scorer, samples: Sequence[Sample], pool: Sequence[Sample] = ()) -> list[Score]:
    def fixed(number: int) -> Sequence[Sample]:
        return [one for one in pool or samples if one.images][:number]

    with Context(device="cpu", fixed_samples=fixed, workers=1) as context:
        return scorer.prepare(context)(Batch(samples))


def values_by(scorer: Scorer, samples: Sequence[Sample], pool: Sequence[Sample] = ()) -> list[float]:
    scores = scores_by(scorer, samples, pool)
    assert all(score.status == "ok" for score in scores), scores
    return [score.value for score in scores if score.value is not None]


class Plain:
    """A model read in the plainest way: one conversation at a time, tokenised whole, without batches."""

    def __init__(self, folder: Path) -> None:
        self.processor = load_processor(str(folder))
        self.network = transformers.AutoModelForImageTextToText.from_pretrained(folder).eval()

    def losses(
        self, image: Image.Image, dialogue: Sequence[tuple[str | None, str]], *, mask: bool = False
    ) -> list[Any]:
        """Losses of each answer's tokens, the end of its turn included."""
        messages: list[dict[str, Any]] = []
        starts, ends = [], []
        for number, (asked, said) in enumerate(dialogue):
            content = [{"type": "image"}] * (number == 0)
            content += [{"type": "text", "text": asked}] if asked is not None else []
            messages.append({"role": "user", "content": content})
            starts.append(self.encode(image, messages, prompt=True)["input_ids"].shape[1])
            messages.append({"role": "assistant", "content": [{"type": "text", "text": said}]})
            ends.append(self.encode(image, messages)["input_ids"].shape[1])
        inputs = dict(self.encode(image, messages))
        ids = inputs["input_ids"]
        labels = ids.clone()
        if mask:
            token = self.network.config.image_token_id
            hidden = ids == token
            inputs = {
                "input_ids": ids.masked_fill(hidden, self.processor.tokenizer.pad_token_id),
                "attention_mask": inputs["attention_mask"].masked_fill(hidden, 0),
            }
            labels[hidden] = -100
        with torch.inference_mode():
            logits = self.network(**inputs).logits.float()
        nats = torch.nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:], reduction="none")
        return [nats[start - 1 : end - 1].numpy() for start, end in zip(starts, ends, strict=True)]

    def encode(self, image: Image.Image, messages: list[dict[str, Any]], *, prompt: bool = False) -> Any:
        text = self.processor.apply_chat_template(messages, add_generation_prompt=prompt, tokenize=False)
        return self.processor(images=[image], text=[text], return_tensors="pt", add_special_tokens=False)


def mean(losses: Sequence[Any]) -> float:
    return float(np.concatenate(losses).mean())


@pytest.fixture(params=MAKERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    MAKERS[request.param](tmp_path / "model")
    return tmp_path / "model"


def test_they_equal_a_plain_implementation_of_what_was_published(folder: Path, samples: list[Sample]) -> None:
    plain, name = Plain(folder), str(folder)
    near = partial(pytest.approx, abs=1e-4)
    images = [picture(90 * row) for row in range(3)]
    rows = list(zip(images, DIALOGUES, strict=True))
    own = [plain.losses(image, dialogue) for image, dialogue in rows]
    masked = [plain.losses(image, dialogue, mask=True) for image, dialogue in rows]
    unasked = [plain.losses(image, [(None, said) for _, said in dialogue]) for image, dialogue in rows]
    assert values_by(Difficulty(name), samples) == near([mean(one) for one in own])
    necessity = [mean(hidden) - mean(shown) for shown, hidden in zip(own, masked, strict=True)]
    assert values_by(Necessity(name), samples) == near(necessity)
    assert len(set(necessity)) == 3
    found = values_by(Relevance(name), samples)
    assert found == near([mean(without) - mean(one) for without, one in zip(unasked, own, strict=True)])
    found = values_by(Relevance(name, form="ratio"), samples)
    assert found == near([mean(one) / mean(without) for without, one in zip(unasked, own, strict=True)])
    assert values_by(ImageGain(name, fold="row", against="none"), samples) == near(necessity)
    others = [
        [plain.losses(images[other], dialogue) for other in range(3) if other != row]
        for row, dialogue in enumerate(DIALOGUES)
    ]
    by_turn = [
        [(one[turn] + two[turn]) / 2 - shown[turn] for turn in range(len(shown))]
        for (one, two), shown in zip(others, own, strict=True)
    ]
    assert values_by(ImageGain(name, fold="row", others=2), samples) == near([mean(one) for one in by_turn])
    weakest = [min(float(turn.mean()) for turn in row) for row in by_turn]
    assert values_by(ImageGain(name, fold="turn", others=2), samples) == near(weakest)
    # One token a byte, so a sentence's tokens are its characters; the end symbol comes last.
    sentences = [
        min(
            float(turn[first:last].mean())
            for (_, said), turn in zip(dialogue, row, strict=True)
            for first, last in parts(said)
        )
        for dialogue, row in zip(DIALOGUES, by_turn, strict=True)
    ]
    assert values_by(ImageGain(name, fold="sentence", others=2), samples) == near(sentences)


def parts(text: str) -> list[tuple[int, int]]:
    """Where the sentences of these texts begin and end, each with the space before it."""
    ends = [place + 1 for place, letter in enumerate(text) if letter == "."]
    return list(zip([0, *ends[:-1]], ends, strict=True))


def test_yes_probability_equals_vqascore(folder: Path, samples: list[Sample]) -> None:
    plain = Plain(folder)
    expected = []
    for row, dialogue in enumerate(DIALOGUES):
        turns = []
        for _, said in dialogue:
            question = f'Does this figure show "{said}"? Please answer yes or no.'
            yes, no = (
                math.exp(-float(plain.losses(picture(90 * row), [(question, word)])[0].sum()))
                for word in ("Yes", "No")
            )
            turns.append(yes / (yes + no))
        expected.append(min(turns))
    assert values_by(YesProbability(str(folder)), samples) == pytest.approx(expected, abs=1e-4)


def test_scores_do_not_depend_on_the_batch(folder: Path, samples: list[Sample]) -> None:
    for scorer in (Necessity(str(folder)), ImageGain(str(folder), others=1), YesProbability(str(folder))):
        together = values_by(scorer, samples, samples)
        alone = [values_by(scorer, [one], samples)[0] for one in samples]
        assert together == pytest.approx(alone, abs=1e-4)


def test_rows_that_cannot_be_shown_are_skipped_or_fail_alone(tmp_path: Path, samples: list[Sample]) -> None:
    made.llava(tmp_path)
    rows = [
        samples[0],
        sample("text only", DIALOGUES[0], None),
        sample("broken", DIALOGUES[0], png(picture(0))[:60]),
        sample("silent", [("What?", " ")], png(picture(0))),
        # The model's own image token in an answer: the model has no image for it.
        sample("marked", [("What?", "a <image> <fake> dog")], png(picture(0))),
        Sample("two", (samples[0].images[0], samples[1].images[0]), samples[0].turns, None),
    ]
    scores = scores_by(Necessity(str(tmp_path)), rows)
    assert [score.status for score in scores] == ["ok", "skipped", "failed", "skipped", "ok", "ok"]
    assert [score.reason for score in scores[1:2]] == ["the row has no image"]
    assert scores[3].reason == "there is no answer"
    assert scores[5] == Score(scores[0].value, "ok", "the first of 2 images was shown")
    (cut,) = scores_by(Difficulty(str(tmp_path), max_tokens=3), samples[:1])
    assert cut.reason == "an answer was cut at 3 tokens"


def test_a_row_on_which_the_model_breaks_fails_alone(tmp_path: Path, samples: list[Sample]) -> None:
    made.qwen2_vl(tmp_path)
    # The text spells the model's image token, for which there is no image.
    broken = sample("broken", [("What?", "a <|image_pad|> dog")], png(picture(0)))
    scores = scores_by(Difficulty(str(tmp_path)), [*samples, broken])
    assert [score.status for score in scores] == ["ok", "ok", "ok", "failed"]
    assert (scores[3].reason or "").startswith("the model raised ValueError")


def test_a_row_is_not_compared_with_its_own_image(tmp_path: Path, samples: list[Sample]) -> None:
    made.llava(tmp_path)
    twin = sample("twin", DIALOGUES[0], png(picture(0)))
    alone = values_by(ImageGain(str(tmp_path), others=1), samples[:1], samples)
    assert values_by(ImageGain(str(tmp_path), others=1), samples[:1], [twin, *samples]) == alone
    assert values_by(ImageGain(str(tmp_path), others=1), samples[:1], samples[1:]) == alone


def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path: Path, samples: list[Sample]) -> None:
    made.llava(tmp_path)
    with pytest.raises(
        ConfigError, match="the dataset has 1 that can be read: give it more, or against=none"
    ):
        scores_by(ImageGain(str(tmp_path)), samples[:1])
    with pytest.raises(ConfigError, match="gain has no fold 'word': give one of sentence, turn, row"):
        make_scorer("gain", fold="word")
    with pytest.raises(ConfigError, match="relevance has no form 'sum': give one of difference, ratio"):
        make_scorer("relevance", form="sum")
    with pytest.raises(ModelError, match="'constant:yes' gives answers and no losses"):
        scores_by(Necessity("constant:yes"), samples)
    with pytest.raises(ModelError, match=r"no model .*nowhere.: give the path of a folder"):
        Necessity(str(tmp_path / "nowhere")).identity(Context(device="cpu"))
