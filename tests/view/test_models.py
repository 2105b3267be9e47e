"""Models asked in the view: answers side by side, images of the browser, and what goes wrong."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.llm.server import Answer, Ask, FakeServer, completion, streamed
from tests.samples.test_images import bomb
from tests.view.conftest import TOKEN, Client, viewing
from tests.view.test_page import Visit
from typer.testing import CliRunner

from finegold.cli import app
from finegold.cli.endpoint_options import EndpointOptions
from finegold.cli.options import ModelOptions
from finegold.errors import ConfigError, DataError, FinegoldError
from finegold.models import Sampling
from finegold.samples import ImageRef
from finegold.view import AskedModels

NAMES = ["constant:A <b>dog</b>.", "endpoint:scripted"]


def _reply(ask: Ask) -> Answer:
    if "refuse" in ask.text:
        return Answer(b'{"error": {"message": "no such thing"}}', status=400)
    return completion(f"reply {len(ask.body['messages'])}")


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(_reply) as found:
        yield found


@pytest.fixture(scope="module")
def asked(run_folder: Path, server: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A read-only view with a model of this computer and one behind an endpoint."""
    cache = tmp_path_factory.mktemp("replies") / "replies.sqlite"
    endpoint = EndpointOptions(base_url=server.url, api_key="secret", cache=cache)
    models = AskedModels(NAMES, ModelOptions().load_all(NAMES, endpoint))
    with viewing(run_folder, read_only=True, models=models) as found:
        yield found


def _ask(client: Client, **said: Any) -> tuple[str, dict[int, dict[str, Any]]]:
    """The conversation's key, and what each model said."""
    status, body, _ = client.send("/api/ask", said)
    assert status == 200, body
    first, *lines = map(json.loads, body.splitlines())
    return first["conversation"], {line["model"]: line for line in lines}


def _refusal(client: Client, path: str, body: Any) -> str:
    status, found, _ = client.send(path, body)
    assert 400 <= status < 500, found
    return str(json.loads(found)["error"])


def _png(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    return file.getvalue()


def test_a_conversation_has_turns_and_is_the_page_of_the_demonstration(
    asked: Client, server: FakeServer, run_folder: Path, tmp_path: Path
) -> None:
    before = sorted(path for path in run_folder.rglob("*"))
    row = asked.get("/api/named?id=r0005")["row"]
    key, said = _ask(asked, row=row, prompt="What is it?")
    assert said == {0: {"model": 0, "answer": "A <b>dog</b>."}, 1: {"model": 1, "answer": "reply 1"}}
    assert _ask(asked, conversation=key, prompt="And now?")[1][1] == {"model": 1, "answer": "reply 3"}
    shown = [
        [part["type"] for part in ask["content"]] if isinstance(ask["content"], list) else "text"
        for ask in server.asks[-1].body["messages"]
    ]
    assert shown[0] == ["image_url", "text"]
    status, page, headers = asked.send(f"/conversation/{key}")
    assert status == 200
    assert headers["content-disposition"] == 'attachment; filename="models.html"'
    out, images = tmp_path / "page.html", run_folder.parent / "images"
    given = [*NAMES, "--image", images / "0005.png", "--prompt", "What is it?", "--prompt", "And now?"]
    calls = ["--base-url", server.url, "--api-key", "secret", "--cache", tmp_path / "replies", "--out", out]
    result = CliRunner().invoke(app, ["demo", *map(str, [*given, *calls])])
    assert result.exit_code == 0, result.output
    assert page == out.read_bytes()
    assert sorted(path for path in run_folder.rglob("*")) == before


def test_an_image_of_the_browser_is_asked_about(asked: Client, server: FakeServer) -> None:
    status, body, _ = asked.send("/api/image?name=..%2F..%2Fmine.jpg", _png())
    held = json.loads(body)
    assert status == 200
    assert held["shown"].startswith("data:image/jpeg;base64,")
    number = len(server.asks)
    key, said = _ask(asked, image=held["image"], prompt="Which colour?", separate=True)
    assert said[1]["answer"] == "reply 1"
    assert len(server.asks) == number + 1
    page = asked.send(f"/conversation/{key}")[1].decode()
    assert "<bdi>mine.jpg</bdi>" in page
    assert "A &lt;b&gt;dog&lt;/b&gt;." in page


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (bomb(50_000, 50_000), "has more than 64,000,000 pixels"),
        (bomb(9_000, 9_000), "9000 x 9000, expected at most 64,000,000 pixels"),
        (b"", "zero bytes"),
        (b"<svg onload='alert(1)'/>", "is none of JPEG"),
        (_png()[:60], "cut off"),
    ],
    ids=["bomb", "large", "empty", "svg", "truncated"],
)
def test_a_file_that_is_no_image_is_refused_in_a_sentence(asked: Client, data: bytes, why: str) -> None:
    said = _refusal(asked, "/api/image?name=a.png", data)
    assert why in said
    assert "\n" not in said


def test_a_failing_endpoint_leaves_the_other_column(asked: Client) -> None:
    key, said = _ask(asked, row=1, prompt="refuse this")
    assert said[0]["answer"] == "A <b>dog</b>."
    assert "400" in said[1]["why"]
    assert "\n" not in said[1]["why"]
    assert _ask(asked, conversation=key, prompt="Go on")[1][1]["why"] == "the turn before has none"
    drawn = _ask(asked, row=1, prompt="What?", temperature=1.0)[1]
    assert "cannot be seeded at an endpoint" in drawn[1]["why"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"row": 1}, "a prompt is text"),
        ({"row": 1, "prompt": "  "}, "0 characters"),
        ({"row": 1, "prompt": "x" * 20_001}, "20,001 characters"),
        ({"prompt": "What?"}, "has no image"),
        ({"row": "../../etc/passwd", "prompt": "What?"}, "has no image"),
        ({"row": 1, "number": 5, "prompt": "What?"}, "has no image 6"),
        ({"row": 3, "prompt": "What?"}, "0003.png"),
        ({"row": 10**9, "prompt": "What?"}, "has no image 1"),
        ({"image": "unknown", "prompt": "What?"}, "drop it again"),
        ({"conversation": "unknown", "prompt": "What?"}, "begin a new one"),
        ({"conversation": 7, "prompt": "What?"}, "named by its key"),
        ({"row": 1, "prompt": "What?", "temperature": "hot"}, "temperature is no number"),
        ({"row": 1, "prompt": "What?", "temperature": float("nan")}, "temperature is no number"),
        ({"row": 1, "prompt": "What?", "seed": 1.5}, "seed is no whole number"),
        ({"row": 1, "prompt": "What?", "max_new_tokens": 0}, "out of range"),
        ({"row": 1, "prompt": "What?", "top_p": True}, "top p is no number"),
    ],
)
def test_a_request_that_cannot_be_asked_is_answered_by_a_sentence(
    asked: Client, said: dict[str, Any], why: str
) -> None:
    assert why in _refusal(asked, "/api/ask", said)


def test_only_the_page_itself_asks_and_bodies_are_bounded(asked: Client) -> None:
    _, _, headers = asked.send(f"/?token={TOKEN}", token="")
    cookie = headers["set-cookie"].partition(";")[0]
    for path in ("/api/ask", "/api/image"):
        assert asked.send(path, {}, token="")[0] == 403
        assert asked.send(path, {}, token="", Cookie=cookie)[0] == 403
        assert asked.send(path, {}, token="", Cookie=cookie, Origin="http://evil.example")[0] == 403
        assert asked.send(path)[0] == 405
    assert asked.send("/api/ask", {}, Content_Length=str((1 << 20) + 1))[0] == 413
    assert asked.send("/api/image", b"x", Content_Length=str((16 << 20) + 1))[0] == 413
    assert asked.send("/conversation/..%2f..%2fetc")[0] in (400, 404)


def test_without_models_the_view_says_how_to_name_them(run_folder: Path, browser: Any) -> None:
    with viewing(run_folder, read_only=True) as client:
        assert "--model A --model B" in _refusal(client, "/api/ask", {"row": 1, "prompt": "What?"})
        assert "--model A --model B" in _refusal(client, "/api/image?name=a.png", _png())
        with Visit(browser, client, "view=models") as visit:
            assert "finegold view made.run --model" in visit.text(".page pre")
            assert visit.noise == []


def test_options_of_models_need_a_model(run_folder: Path) -> None:
    for given in (["--dtype", "float16"], ["--base-url", "http://127.0.0.1:1"], ["--decode", "original"]):
        with pytest.raises(ConfigError, match=f"{given[0]} would have no effect without a model"):
            CliRunner().invoke(app, ["view", str(run_folder), *given], catch_exceptions=False)
    with pytest.raises(FinegoldError, match="has no projection"):
        CliRunner().invoke(app, ["view", str(run_folder), "--model", "minigpt4-7b"], catch_exceptions=False)


def test_a_model_that_does_not_load_says_so_in_its_column(run_folder: Path) -> None:
    names = ["no-such/model-of-the-tests", "constant:Yes"]
    models = AskedModels(names, ModelOptions().load_all(names, EndpointOptions()))
    with viewing(run_folder, read_only=True, models=models) as client:
        said = _ask(client, row=1, prompt="What?")[1]
    assert said[1]["answer"] == "Yes"
    assert "no-such/model-of-the-tests" in said[0]["why"]
    assert "\n" not in said[0]["why"]


def test_one_prompt_of_a_conversation_is_answered_at_a_time(run_folder: Path, tmp_path: Path) -> None:
    """Two requests of one conversation: the second is refused while the endpoint is silent."""
    silent, heard = threading.Event(), threading.Event()

    def reply(_: Ask) -> Answer:
        heard.set()
        silent.wait(60)
        return completion("late")

    with FakeServer(reply) as server:
        endpoint = EndpointOptions(base_url=server.url, api_key="secret", cache=tmp_path / "replies")
        models = AskedModels(["endpoint:slow"], ModelOptions().load_all(["endpoint:slow"], endpoint))
        talk = models.begin(ImageRef("a.png", data=_png()), Sampling(), separate=False)
        replies = models.ask(talk, "What?")
        assert heard.wait(60)
        with pytest.raises(DataError, match="still answer the prompt before"):
            models.ask(talk, "And?")
        with pytest.raises(DataError, match="no answers yet"):
            models.page(talk)
        silent.set()
        assert replies.get(timeout=60) == (0, "late")
        assert replies.get(timeout=60) is None
        assert "late" in models.page(talk)
        for _ in range(8):
            models.begin(ImageRef("a.png", data=_png()), Sampling(), separate=False)
        with pytest.raises(DataError, match="begin a new one"):
            models.page(talk)
        models.close()


def test_ctrl_c_ends_a_view_that_waits_for_an_answer(run_folder: Path, tmp_path: Path) -> None:
    silent = threading.Event()

    def reply(_: Ask) -> Answer:
        silent.wait(60)
        return completion("late")

    with FakeServer(reply) as server:
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "finegold",
            "view",
            run_folder,
            "--no-browser",
            "--read-only",
        ]
        command += ["--model", "endpoint:slow", "--base-url", server.url, "--api-key", "secret"]
        command += ["--model", "constant:Yes", "--cache", tmp_path / "replies"]
        pipe, path = subprocess.PIPE, os.environ | {"PYTHONPATH": ":".join(sys.path)}
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=path) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            address, _, token = process.stdout.readline().split()[-1].partition("/?token=")
            request = urllib.request.Request(f"{address}/api/ask", b'{"row": 1, "prompt": "What?"}')
            request.add_header("Authorization", f"Bearer {token}")
            with urllib.request.urlopen(request, timeout=60) as lines:
                assert "conversation" in json.loads(lines.readline())
                assert json.loads(lines.readline()) == {"model": 1, "answer": "Yes"}
                process.send_signal(signal.SIGINT)
                assert lines.read() == b""
            assert process.wait(60) == 0
            assert process.stderr.read() == ""
        silent.set()


def test_a_row_is_asked_about_and_the_page_saved(browser: Any, asked: Client, tmp_path: Path) -> None:
    with Visit(browser, asked, "row=8", "phone") as visit:
        page = visit.page
        page.get_by_role("button", name="Ask the models").click()
        visit.until(lambda: page.locator("#prompt").count() and page.locator("#prompt").input_value())
        assert page.locator("#prompt").input_value() == "What is picture 8?"
        assert "ask=8" in page.url
        page.get_by_role("button", name="Ask", exact=True).click()
        visit.until(lambda: page.locator(".beside dd").all_inner_texts() == ["A <b>dog</b>.", "reply 1"])
        visit.until(lambda: page.locator("#prompt").input_value() == "")
        page.locator("#prompt").fill("refuse it")
        page.get_by_role("button", name="Ask further").click()
        visit.until(lambda: "no answer: " in page.locator(".beside dd").last.inner_text())
        assert page.locator(".beside dd").nth(2).inner_text() == "A <b>dog</b>."
        with page.expect_download() as saved:
            page.get_by_role("link", name="Save the page").click()
        saved.value.save_as(tmp_path / "models.html")
        text = (tmp_path / "models.html").read_text()
        assert "What is picture 8?" in text
        assert "reply 1" in text
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert visit.faults() == []
        assert visit.noise == []


def test_answers_grow_side_by_side_while_they_come(run_folder: Path, browser: Any, tmp_path: Path) -> None:
    further = threading.Event()
    names = ["endpoint:slow", "constant:Yes"]
    with FakeServer(lambda _: streamed("A dog", further, " runs.")) as server:
        endpoint = EndpointOptions(base_url=server.url, api_key="secret", cache=tmp_path / "replies")
        models = AskedModels(names, ModelOptions().load_all(names, endpoint))
        with (
            viewing(run_folder, read_only=True, models=models) as client,
            Visit(browser, client, "view=models&ask=8") as visit,
        ):
            cells = visit.page.locator(".beside dd")
            visit.until(lambda: visit.page.get_by_role("img", name="Image 1 of r0008").count())
            visit.page.get_by_role("button", name="Ask", exact=True).click()
            visit.until(lambda: cells.all_inner_texts() == ["A dog …", "Yes"])
            assert cells.first.get_attribute("aria-busy") == "true"
            further.set()
            visit.until(lambda: cells.first.inner_text() == "A dog runs.")
            assert cells.first.get_attribute("aria-busy") == "false"
            assert visit.noise == []


def test_an_image_is_dropped_on_the_page(browser: Any, asked: Client) -> None:
    with Visit(browser, asked, "view=models", scheme="dark") as visit:
        page = visit.page
        page.locator("input[type=file]").set_input_files(
            {"name": "mine.png", "mimeType": "image/png", "buffer": _png()}
        )
        visit.until(lambda: page.get_by_role("img", name="mine.png").count() == 1)
        page.locator("#prompt").fill("Which colour is mine?")
        page.keyboard.press("Control+Enter")
        visit.until(lambda: page.locator(".beside dd").all_inner_texts()[1:] == ["reply 1"])
        assert visit.faults() == []
        data = page.evaluate_handle(
            "bytes => { const held = new DataTransfer();"
            " held.items.add(new File([new Uint8Array(bytes)], 'bomb.png')); return held; }",
            list(bomb(50_000, 50_000)),
        )
        page.locator(".page").dispatch_event("drop", {"dataTransfer": data})
        visit.until(lambda: "has more than 64,000,000 pixels" in visit.text("#notice"))
        assert page.get_by_role("img", name="mine.png").count() == 1
