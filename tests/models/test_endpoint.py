from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.llm.server import Answer, Ask, FakeServer, completion, error

from finegold.errors import ConfigError, RunError
from finegold.llm import session_from
from finegold.models import Model, Sampling, load_model
from finegold.samples import Exclusion

IMAGES = [Image.new("RGB", (2000, 1000), (shade, 0, 0)) for shade in (0, 90, 180)]
PROMPTS = ["first", "second", "third"]


GREEDY = Sampling(max_new_tokens=16)


def opened(server: FakeServer, tmp_path: Path, **limits: Any) -> Model:
    given: dict[str, Any] = {"api_key": "k", "cache": tmp_path / "cache.sqlite", **limits}
    session = session_from(base_url=server.url, **given)
    return load_model("endpoint:scripted", session=lambda: session)


def test_each_prompt_is_asked_with_its_image_greedily_and_paid_once(tmp_path: Path) -> None:
    with FakeServer(lambda ask: completion(f"said {ask.text}")) as server:
        with opened(server, tmp_path) as model:
            answers = model.answer(IMAGES, PROMPTS, GREEDY)
        with opened(server, tmp_path) as again:
            assert again.answer(IMAGES, PROMPTS, GREEDY) == answers

        assert answers == ["said first", "said second", "said third"]
        assert len(server.asks) == 3
        for ask in server.asks:
            assert (ask.body["temperature"], ask.body["max_tokens"]) == (0.0, 16)
            (message,) = ask.body["messages"]
            assert [part["type"] for part in message["content"]] == ["image_url", "text"]


def test_a_prompt_without_image_is_asked_as_text(tmp_path: Path) -> None:
    with FakeServer(lambda ask: completion(f"said {ask.text}")) as server:
        with opened(server, tmp_path) as model:
            assert model.answer([None], ["alone"], GREEDY) == ["said alone"]
        assert "image_url" not in str(server.asks[0].body["messages"])


def test_a_refused_call_leaves_its_item_alone_without_an_answer(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        if "second" in ask.text:
            return error(400, "policy")
        return completion(None, finish="content_filter") if "third" in ask.text else completion("fine")

    with FakeServer(script) as server, opened(server, tmp_path) as model:
        first, second, third = model.answer(IMAGES, PROMPTS, GREEDY)

    assert first == "fine"
    assert isinstance(second, Exclusion)
    assert "policy" in second.reason
    assert third == Exclusion("no-answer", "the model gave no text (it ended with 'content_filter')")


def test_a_reached_limit_stops_the_run_instead_of_failing_items(tmp_path: Path) -> None:
    with (
        FakeServer(lambda ask: completion("fine")) as server,
        opened(server, tmp_path, max_calls=2, concurrency=1) as model,
        pytest.raises(RunError, match="the same command goes on"),
    ):
        model.answer(IMAGES, PROMPTS, GREEDY)


def test_drawn_tokens_are_refused(tmp_path: Path) -> None:
    session = session_from(base_url="http://127.0.0.1:9/v1", cache=tmp_path / "c.sqlite")
    model = load_model("endpoint:x", session=lambda: session)
    with pytest.raises(ConfigError, match="cannot be seeded at an endpoint: use temperature 0"):
        model.answer(IMAGES, PROMPTS, Sampling(temperature=1.0))
