from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.llm.server import Answer, Ask, FakeServer, completion, error

from finegold.errors import ConfigError, RunError
from finegold.llm import session_from
from finegold.models.registry import find_profile, open_generator
from finegold.samples import Exclusion

IMAGES = [Image.new("RGB", (2000, 1000), (shade, 0, 0)) for shade in (0, 90, 180)]
PROMPTS = ["first", "second", "third"]


def generator(server: FakeServer, tmp_path: Path, **limits: Any) -> Any:
    session = session_from(base_url=server.url, api_key="k", cache=tmp_path / "cache.sqlite", **limits)
    return open_generator("endpoint:scripted", find_profile("greedy"), session=lambda: session)


def test_each_prompt_is_asked_with_its_image_greedily_and_paid_once(tmp_path: Path) -> None:
    with FakeServer(lambda ask: completion(f"said {ask.text}")) as server:
        model = generator(server, tmp_path)
        answers = model.generate(IMAGES, PROMPTS, 16)
        model.close()
        again = generator(server, tmp_path)
        assert again.generate(IMAGES, PROMPTS, 16) == answers
        again.close()

        assert answers == ["said first", "said second", "said third"]
        assert len(server.asks) == 3
        for ask in server.asks:
            assert (ask.body["temperature"], ask.body["max_tokens"]) == (0.0, 16)
            (message,) = ask.body["messages"]
            assert [part["type"] for part in message["content"]] == ["image_url", "text"]


def test_a_refused_call_is_a_problem_of_its_item_alone(tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        if "second" in ask.text:
            return error(400, "policy")
        return completion(None, finish="content_filter") if "third" in ask.text else completion("fine")

    with FakeServer(script) as server:
        model = generator(server, tmp_path)
        first, second, third = model.generate(IMAGES, PROMPTS, 16)
        model.close()

    assert first == "fine"
    assert isinstance(second, Exclusion)
    assert "policy" in second.reason
    assert third == Exclusion("no-answer", "the endpoint gave no text (content_filter)")


def test_a_reached_limit_stops_the_run_instead_of_failing_items(tmp_path: Path) -> None:
    with FakeServer(lambda ask: completion("fine")) as server:
        model = generator(server, tmp_path, max_calls=2, concurrency=1)
        with pytest.raises(RunError, match="the same command goes on"):
            model.generate(IMAGES, PROMPTS, 16)
        model.close()


def test_sampling_cannot_be_seeded_at_an_endpoint(tmp_path: Path) -> None:
    session = session_from(base_url="http://127.0.0.1:9/v1", cache=tmp_path / "c.sqlite")
    with pytest.raises(ConfigError, match="cannot be seeded"):
        open_generator("endpoint:x", find_profile("ehub-2023"), session=lambda: session)
    with pytest.raises(ConfigError, match="there is no profile 'warm'"):
        find_profile("warm")
