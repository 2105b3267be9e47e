"""Losses of a model that is served, held against those of the same model here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.llm.server import Answer, Ask, FakeServer, completion, error
from tests.models.huggingface import made
from tests.models.served import ServedModel

from finegold.errors import ModelError, RunError
from finegold.llm import session_from
from finegold.models import Dialogue, Model, NoLosses, load_model

pytest.importorskip("transformers")
DIALOGUES: list[Dialogue] = [
    [("What is this?", "A dog.")],
    [("Is it red?", "Yes, it is."), ("What runs?", "A cat runs. It is small.")],
    [(None, "Two men sit on a bench.")],
]


def jpeg(shade: int) -> Image.Image:
    """A picture that the endpoint's JPEG leaves as it is."""
    return Image.new("RGB", (64, 64), (shade, shade, shade))


IMAGES = [jpeg(0), jpeg(96), jpeg(192)]


def opened(server: FakeServer, tmp_path: Path, **limits: Any) -> Model:
    session = session_from(base_url=server.url, api_key="k", cache=tmp_path / "cache.sqlite", **limits)
    return load_model("endpoint:tiny", session=lambda: session)


def near(found: Any, expected: Any) -> None:
    assert [[len(turn) for turn in row] for row in found] == [[len(turn) for turn in row] for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert np.concatenate(one) == pytest.approx(np.concatenate(other), abs=1e-4)


@pytest.mark.parametrize("maker", [made.llava, made.qwen2_vl], ids=["llava", "qwen2-vl"])
def test_losses_equal_those_of_the_same_model_here_and_are_paid_once(maker: Any, tmp_path: Path) -> None:
    maker(tmp_path / "model")
    local = load_model(str(tmp_path / "model"), device="cpu")
    with FakeServer(ServedModel(tmp_path / "model")) as server:
        with opened(server, tmp_path) as model:
            shown = model.dialogue_losses(IMAGES, DIALOGUES)
            hidden = model.dialogue_losses(IMAGES, DIALOGUES, mask_images=True)
            cut = model.losses(IMAGES[:1], ["What is this?"], ["A dog."], max_tokens=3)
        near(shown, local.dialogue_losses(IMAGES, DIALOGUES))
        near(hidden, local.dialogue_losses([None] * 3, DIALOGUES))
        assert cut[0] == pytest.approx(shown[0][0][:3])
        assert not np.allclose(shown[0][0], hidden[0][0])
        # Two calls an answer, with the image and without it; those of the cut answer were known.
        assert len(server.asks) == 16
        with opened(server, tmp_path) as again:
            near(again.dialogue_losses(IMAGES, DIALOGUES), shown)
        assert len(server.asks) == 16


def test_without_an_image_no_image_is_sent_and_without_a_question_no_text(tmp_path: Path) -> None:
    made.llava(tmp_path / "model")
    with FakeServer(ServedModel(tmp_path / "model")) as server, opened(server, tmp_path) as model:
        model.losses([IMAGES[0], None], [None, None], ["A dog.", "A dog."])
    first = [ask.body["messages"][0]["content"] for ask in server.asks]
    kinds = [one if isinstance(one, str) else [part["type"] for part in one] for one in first]
    assert sorted(map(str, kinds)) == ["", "", "['image_url']", "['image_url']"]
    assert {ask.body["max_tokens"] for ask in server.asks} == {1}


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        [None],
        [None, None],
        [None, {}],
        [None, {"5": {"logprob": None}}],
        [None, {"5": {"logprob": float("nan")}}],
        [None, {"5": {"logprob": 3.0}}],
        [None, {"5": {}}],
        [None, ["5"]],
        "many",
    ],
)
def test_an_endpoint_without_log_probabilities_is_told_in_one_sentence(given: Any, tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        body = json.loads(completion("a").body) | {"prompt_logprobs": given}
        return Answer(json.dumps(body).encode())

    with (
        FakeServer(script) as server,
        opened(server, tmp_path) as model,
        pytest.raises(
            ModelError, match="gives no log-probabilities: name an endpoint whose chat completions"
        ),
    ):
        model.losses(IMAGES[:1], ["What?"], ["A dog."])


def test_a_refused_parameter_ends_it_and_another_refusal_its_row(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        if "long" in ask.text:
            return error(400, "the context is 16 tokens")
        return error(400, "unknown parameter prompt_logprobs")

    with FakeServer(script) as server, opened(server, tmp_path) as model:
        with pytest.raises(NoLosses, match="context is 16 tokens"):
            model.losses(IMAGES[:1], ["long"], ["A dog."])
        with pytest.raises(ModelError, match=r"log-probabilities .*unknown parameter prompt_logprobs"):
            model.losses(IMAGES[:1], ["short"], ["A dog."])


def test_a_reached_limit_stops_it(tmp_path: Path) -> None:
    made.llava(tmp_path / "model")
    with FakeServer(ServedModel(tmp_path / "model")) as server:
        with (
            opened(server, tmp_path, max_calls=3, concurrency=1) as model,
            pytest.raises(RunError, match="the same command goes on"),
        ):
            model.dialogue_losses(IMAGES, DIALOGUES)
        assert len(server.asks) == 3
        with opened(server, tmp_path) as model:
            model.dialogue_losses(IMAGES, DIALOGUES)
        assert len(server.asks) == 8


def test_yes_is_compared_with_no_among_the_likeliest_first_tokens(tmp_path: Path) -> None:
    tables = {
        "first": {"Yes": 0.5, " yes": 0.1, "No": 0.2, "Maybe": 0.1},
        "second": {"NO": 0.5, "Yesterday": 0.5},
        "third": {"A": 0.9, "<b>": 0.1},
    }

    def script(ask: Ask) -> Answer:
        assert (ask.body["logprobs"], ask.body["top_logprobs"], ask.body["max_tokens"]) == (True, 20, 1)
        listed = [{"token": token, "logprob": float(np.log(p))} for token, p in tables[ask.text].items()]
        body = json.loads(completion("a").body)
        body["choices"][0]["logprobs"] = {"content": [{"token": "a", "logprob": 0.0, "top_logprobs": listed}]}
        return Answer(json.dumps(body).encode())

    with FakeServer(script) as server, opened(server, tmp_path) as model:
        found = model.preferences(IMAGES[:2], ["first", "second"], ("Yes", "No"))
        assert found == [pytest.approx(0.75), 0.0]
        with pytest.raises(NoLosses, match=r"neither Yes nor No is among the 2 likeliest .* is 'A'"):
            model.preferences(IMAGES[:1], ["third"], ("Yes", "No"))
