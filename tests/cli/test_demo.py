"""Two models answer two prompts about two images on one page."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.llm.server import Answer, Ask, FakeServer, completion
from tests.models.minigpt4 import make_parts
from tests.models.prefix.test_blip2 import folder as blip2_folder
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import FinegoldError

__all__ = ["blip2_folder"]


def _demo(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["demo", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.jpg" for name in ("red", "blue")]
    for path in paths:
        Image.new("RGB", (40, 30), path.stem).save(path)
    return paths


def test_every_answer_stands_beside_the_others(images: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    shown = [part for image in images for part in ("--image", image)]
    prompts = ("--prompt", "What <is> this?", "--prompt", "Does it exis in the image?")
    _demo("constant:A <b>dog</b>.", "spelling-rule", *shown, *prompts, "--out", out)
    page = out.read_text()
    assert page.count("A &lt;b&gt;dog&lt;/b&gt;.</bdi></dd>") == 4
    assert page.count("<bdi>No</bdi></dd>") == 2
    assert page.count("<bdi>Yes</bdi></dd>") == 2
    assert page.count("data:image/") >= 2
    assert "What &lt;is&gt; this?" in page
    assert "the likeliest token each time, so no seed" in page
    assert "Each prompt is put by itself: a model does not see the turns before it." in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_long_answers_stand_side_by_side_or_below_one_another(
    browser: Any, images: list[Path], tmp_path: Path, scheme: str
) -> None:
    out = tmp_path / "page.html"
    long = f"constant:{'A brown dog runs through the high grass. ' * 12}{'x' * 300}"
    _demo(long, "constant:Yes", "--image", images[0], "--prompt", "Describe it.", "--out", out)
    tops = {}
    for width in (1280, 390):
        page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 844})
        page.goto(out.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        answers = page.locator(".beside > div")
        boxes = [answers.nth(number).bounding_box() for number in range(2)]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
        tops[width] = [box["y"] for box in boxes]
        page.close()
    assert tops[1280][0] == tops[1280][1]
    assert tops[390][0] < tops[390][1]


def test_two_checkpoints_stand_side_by_side_and_the_seed_is_said(
    images: list[Path], tmp_path: Path, blip2_folder: Path
) -> None:
    made, out = make_parts(tmp_path, blip2_folder), tmp_path / "page.html"
    models = (f"minigpt4-7b={made.released}", f"minigpt4-7b={made.other}", "constant:Yes")
    settings = ("--temperature", 1, "--seed", 7, "--max-new-tokens", 4, "--device", "cpu", "--out", out)
    _demo(*models, *made.folders, "--image", images[0], "--prompt", "a dog?", *settings)
    first = out.read_text()
    assert "temperature 1.0, top-p 1.0, seed 7" in first
    assert "released.pth" in first
    assert "other.pth" in first
    _demo(*models, *made.folders, "--image", images[0], "--prompt", "a dog?", *settings)
    assert out.read_text() == first
    with pytest.raises(FinegoldError, match="has no projection"):
        _demo("minigpt4-7b", *made.folders, "--image", images[0], "--prompt", "a", "--out", out)


def test_prompts_are_the_turns_of_one_conversation(
    images: list[Path], tmp_path: Path, blip2_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEGOLD_LLM_API_KEY", "secret")
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    made, out = make_parts(tmp_path, blip2_folder), tmp_path / "page.html"
    prompts = ("--prompt", "What is it?", "--prompt", "Which colour?")
    settings = ("--max-new-tokens", 4, "--device", "cpu", "--out", out)

    def reply(ask: Ask) -> Answer:
        return completion(f"reply {len(ask.body['messages'])}")

    with FakeServer(reply) as server:
        models = (f"minigpt4-7b={made.released}", "endpoint:scripted", "constant:Yes")
        given = (*models, *made.folders, "--base-url", server.url, "--image", images[0])
        _demo(*given, *prompts, *settings)
        page = out.read_text()
        first, second = (ask.body["messages"] for ask in server.asks)
        assert [one["role"] for one in second] == ["user", "assistant", "user"]
        assert second[0] == first[0]
        assert "image_url" in json.dumps(second[0])
        assert "image_url" not in json.dumps(second[2])
        assert "reply 1" in json.dumps(second[1])
        assert "reply 3" in page
        assert "The prompts are the turns of one conversation" in page
        assert "Each prompt is put by itself to constant:Yes." in page
        _demo(*given, *prompts, "--separate", *settings)
        assert len(server.asks) == 3
        assert len(server.asks[-1].body["messages"]) == 1
        assert "Each prompt is put by itself" in out.read_text()


def test_nothing_follows_a_turn_without_an_answer(
    images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEGOLD_LLM_API_KEY", "secret")
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "page.html"
    with FakeServer(lambda _: completion("")) as server:
        given = ("endpoint:scripted", "constant:Yes", "--base-url", server.url, "--image", images[0])
        _demo(*given, "--prompt", "What is it?", "--prompt", "Which colour?", "--out", out)
    page = out.read_text()
    assert "no answer: the turn before has none" in page
    assert page.count("no answer: ") == 2


def test_a_limit_holds_for_all_models_together(
    images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEGOLD_LLM_API_KEY", "secret")
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    with FakeServer(lambda _: completion("Yes")) as server:
        given = ("endpoint:a", "endpoint:b", "--base-url", server.url, "--image", images[0])
        out = ("--out", tmp_path / "page.html")
        with pytest.raises(FinegoldError, match="the limit of 1 call is reached"):
            _demo(*given, *out, "--prompt", "What is it?", "--max-calls", 1)
        assert len(server.asks) == 1
        said = _demo(*given, *out, "--prompt", "Which colour?", "--max-calls", 2)
        assert said.count("calls: ") == said.count("calls: 2;") == 1
        assert len(server.asks) == 3


def test_an_image_that_is_not_there_is_named_with_the_option_of_this_verb(tmp_path: Path) -> None:
    with pytest.raises(FinegoldError, match=r"there is no image at .*none\.jpg: check --image$"):
        _demo(
            "constant:A", "--image", tmp_path / "none.jpg", "--prompt", "What?", "--out", tmp_path / "x.html"
        )
